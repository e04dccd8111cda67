"""Choosing a new password with a token that came by mail."""

from collections.abc import Awaitable, Callable

from auth_service.core.security import PasswordHashing
from auth_service.models import AuditEventType, OneTimeTokenPurpose
from auth_service.repositories.users import UserRepository
from auth_service.schemas.one_time_tokens import PasswordResetConfirmation
from auth_service.services.audit import AuditTrail
from auth_service.services.one_time_tokens import OneTimeTokenService
from auth_service.services.passwords import PasswordService, refuse_guessable_password


class PasswordResetService:
    """Forgotten passwords."""

    def __init__(
        self,
        *,
        users: UserRepository,
        one_time_tokens: OneTimeTokenService,
        passwords: PasswordService,
        audit: AuditTrail,
        password_hashing: PasswordHashing,
        commit: Callable[[], Awaitable[None]],
    ) -> None:
        self._users = users
        self._one_time_tokens = one_time_tokens
        self._passwords = passwords
        self._audit = audit
        self._password_hashing = password_hashing
        self._commit = commit

    async def confirm(self, confirmation: PasswordResetConfirmation) -> None:
        """Set a new password and end all sessions of the account that the token was sent to.

        Raises:
            InvalidOneTimeTokenError: the token can't be used, or not any more.
            PasswordTooCommonError: the new password is easy to guess.
            PasswordHashingBusyError: too many passwords wait to be hashed.
        """
        token = confirmation.token.get_secret_value()
        new_password = confirmation.new_password.get_secret_value()
        owner = await self._one_time_tokens.get_owner(token, OneTimeTokenPurpose.PASSWORD_RESET)
        refuse_guessable_password(new_password, email=owner.email)
        # Commits: nothing; it gives the connection back, which others need while the password waits to be hashed.
        await self._commit()
        hashed_password = await self._password_hashing.hash(new_password)
        user, email = await self._one_time_tokens.claim(token, OneTimeTokenPurpose.PASSWORD_RESET)
        # Whoever had the old password may have asked for other mails.
        await self._one_time_tokens.take_back_all(user)
        await self._passwords.replace(user, hashed_password)
        if email == user.email:
            await self._users.change(user, {"email_verified": True})
        await self._audit.record(AuditEventType.PASSWORD_RESET, user_id=user.id)
