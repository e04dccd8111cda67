"""Passwords: which ones are good enough, and how they change."""

from collections.abc import Awaitable, Callable
from uuid import UUID

from auth_service.core.security import PasswordHashing, is_common_password
from auth_service.errors import PasswordTooCommonError, WrongPasswordError
from auth_service.models import AuditEventType, User
from auth_service.repositories.users import UserRepository
from auth_service.schemas.users import PasswordChange, find_email_spelling
from auth_service.services.audit import AuditTrail
from auth_service.services.sessions import SessionEnd, SessionService
from auth_service.services.throttling import Throttle
from service_chassis.errors import InvalidTokenError


def refuse_guessable_password(password: str, *, email: str) -> None:
    """Refuse a password that somebody who knows the account's address would try first.

    Raises:
        PasswordTooCommonError: it is a frequent one, the address, or the part of that before the @.
    """
    own = {email, email.partition("@")[0]}
    if is_common_password(password) or {find_email_spelling(password), password.lower()} & own:
        raise PasswordTooCommonError


class PasswordService:
    """The passwords of accounts."""

    def __init__(
        self,
        *,
        users: UserRepository,
        sessions: SessionService,
        audit: AuditTrail,
        throttle: Throttle,
        password_hashing: PasswordHashing,
        commit: Callable[[], Awaitable[None]],
    ) -> None:
        self._users = users
        self._sessions = sessions
        self._audit = audit
        self._throttle = throttle
        self._password_hashing = password_hashing
        self._commit = commit

    async def change(self, user: User, change: PasswordChange, *, session_id: UUID) -> None:
        """Replace a password by who knows it; their other sessions end, and the one that this is done in goes on.

        Raises:
            PasswordTooCommonError: the new one is easy to guess.
            TooManyAttemptsError: to guess the current one is to guess a login, and counts as such.
            WrongPasswordError: the current one is another.
            InvalidTokenError: the session ended meanwhile.
            PasswordHashingBusyError: too many passwords wait to be hashed.
        """
        refuse_guessable_password(change.new_password.get_secret_value(), email=user.email)
        async with self._throttle.login_attempt(user.email):
            hashed_password = await self._hash_replacement(user, change)
            if await self._users.find_by_live_session(session_id) is None:
                raise InvalidTokenError
        await self.replace(user, hashed_password, kept_session_id=session_id)

    async def _hash_replacement(self, user: User, change: PasswordChange) -> str:
        """Return the hash of the new password, for who knows the current one; the account is locked then."""
        # Commits: nothing; it gives the connection back, which others need while the passwords wait to be hashed.
        await self._commit()
        if not await self._password_hashing.verify(change.current_password.get_secret_value(), user.hashed_password):
            raise await self._refusal(user)
        hashed_password = await self._password_hashing.hash(change.new_password.get_secret_value())
        # Hashing takes its time: the password that was verified may be the current one no more, or the session over.
        if not await self._users.lock_unchanged(user):
            raise await self._refusal(user)
        return hashed_password

    async def replace(
        self, user: User, hashed_password: str, *, kept_session_id: UUID | None = None, actor_id: UUID | None = None
    ) -> None:
        """Store the hash of a new password for a locked account, and end all sessions but for one to be kept."""
        await self._users.set_password(user, hashed_password)
        await self._audit.record(AuditEventType.PASSWORD_CHANGED, user_id=user.id, actor_id=actor_id)
        await self._sessions.end_all(user.id, SessionEnd.PASSWORD_CHANGED, kept_id=kept_session_id, actor_id=actor_id)

    async def _refusal(self, user: User) -> WrongPasswordError:
        await self._audit.record(AuditEventType.PASSWORD_CHANGE_FAILED, user_id=user.id)
        # Commits: that somebody tried stays on record although the request is refused.
        await self._commit()
        return WrongPasswordError()
