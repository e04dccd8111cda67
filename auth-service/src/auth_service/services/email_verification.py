"""Proving who owns an address with a token that came by mail."""

from auth_service.models import AuditEventType, OneTimeTokenPurpose
from auth_service.repositories.users import UserRepository
from auth_service.schemas.one_time_tokens import EmailVerificationConfirmation
from auth_service.services.account_mail import AccountMail
from auth_service.services.audit import AuditTrail
from auth_service.services.one_time_tokens import OneTimeTokenService


class EmailVerificationService:
    """Addresses that have been proven."""

    def __init__(
        self,
        *,
        users: UserRepository,
        one_time_tokens: OneTimeTokenService,
        account_mail: AccountMail,
        audit: AuditTrail,
    ) -> None:
        self._users = users
        self._one_time_tokens = one_time_tokens
        self._account_mail = account_mail
        self._audit = audit

    async def confirm(self, confirmation: EmailVerificationConfirmation) -> None:
        """Make the address that the token was sent to the verified address of its account.

        Raises:
            InvalidOneTimeTokenError: the token can't be used, or not any more.
            EmailAlreadyRegisteredError: another account has got the address meanwhile.
        """
        token = confirmation.token.get_secret_value()
        user, email = await self._one_time_tokens.claim(token, OneTimeTokenPurpose.EMAIL_VERIFICATION)
        former = user.email
        await self._users.change(user, {"email": email, "email_verified": True})
        await self._audit.record(AuditEventType.EMAIL_VERIFIED, user_id=user.id)
        if former != email:
            await self._audit.record(AuditEventType.EMAIL_CHANGED, user_id=user.id)
            await self._account_mail.take_back(user)
            self._account_mail.tell_former_address(former)
