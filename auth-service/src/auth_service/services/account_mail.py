"""What accounts get mail about; whoever reads it owns the address."""

from collections.abc import Callable
from datetime import timedelta

from auth_service.core.security import hash_one_time_token, new_one_time_token
from auth_service.models import AuditEventType, OneTimeTokenPurpose, User
from auth_service.repositories.one_time_tokens import OneTimeTokenRepository
from auth_service.repositories.users import UserRepository
from auth_service.services.audit import AuditTrail
from auth_service.services.mail import Mail, OutgoingMail
from auth_service.services.mail_texts import MailTexts

# A reset is asked for by who sits there waiting; a registration may be confirmed the next morning.
LIFETIMES = {
    OneTimeTokenPurpose.PASSWORD_RESET: timedelta(minutes=30),
    OneTimeTokenPurpose.EMAIL_VERIFICATION: timedelta(hours=24),
}


class AccountMail:
    """The mails of one transaction; an account that was deactivated gets none."""

    def __init__(
        self,
        *,
        users: UserRepository,
        one_time_tokens: OneTimeTokenRepository,
        audit: AuditTrail,
        outgoing: OutgoingMail,
        texts: MailTexts,
    ) -> None:
        self._users = users
        self._one_time_tokens = one_time_tokens
        self._audit = audit
        self._outgoing = outgoing
        self._texts = texts

    async def offer_password_reset(self, email: str) -> None:
        """Send the account with this address a token to choose a new password with, if there is such an account."""
        await self._offer_password_reset(email, self._texts.password_reset)

    async def offer_existing_account(self, email: str) -> None:
        """Tell the owner of an address that it has an account; the token is one to choose a new password with.

        Whoever registered with the address first may not have been its owner, so no mail confirms their password.
        """
        await self._offer_password_reset(email, self._texts.account_exists)

    async def offer_verification(self, email: str) -> None:
        """Send the account with this address a token to verify it with, if there is one that needs it."""
        user = await self._find_asking(email, AuditEventType.EMAIL_VERIFICATION_REQUESTED)
        if user is not None and not user.email_verified:
            await self.verify(user, email=email)

    async def verify(self, user: User, *, email: str) -> None:
        """Send an account a token that makes an address its own, be it the present one or another."""
        token = await self._issue(user, OneTimeTokenPurpose.EMAIL_VERIFICATION, email=email)
        self._outgoing.send(self._texts.email_verification(email, token))

    async def change_address(self, user: User, *, email: str) -> None:
        """Send a token to the address that an account is to have; an address that is taken hears so instead."""
        await self._audit.record(AuditEventType.EMAIL_CHANGE_REQUESTED, user_id=user.id)
        if await self._users.find_by_email(email) is None:
            await self.verify(user, email=email)
        else:
            await self.offer_existing_account(email)

    async def take_back(self, user: User) -> None:
        """Make useless what was sent before an account's address changed."""
        await self._one_time_tokens.delete_all(user.id)

    def tell_former_address(self, email: str) -> None:
        """Tell an address that it is an account's no more."""
        self._outgoing.send(self._texts.address_changed(email))

    async def _offer_password_reset(self, email: str, write: Callable[[str, str], Mail]) -> None:
        user = await self._find_asking(email, AuditEventType.PASSWORD_RESET_REQUESTED)
        if user is not None:
            token = await self._issue(user, OneTimeTokenPurpose.PASSWORD_RESET, email=email)
            self._outgoing.send(write(email, token))

    async def _find_asking(self, email: str, event_type: AuditEventType) -> User | None:
        # Locked, so that of two requests at once the later takes back the token of the earlier.
        user = await self._users.find_and_lock_by_email(email)
        await self._audit.record(event_type, user_id=user.id if user is not None else None)
        return user if user is not None and user.is_active else None

    async def _issue(self, user: User, purpose: OneTimeTokenPurpose, *, email: str) -> str:
        token = new_one_time_token()
        await self._one_time_tokens.delete_all(user.id, purpose)
        await self._one_time_tokens.add(
            user_id=user.id,
            purpose=purpose,
            email=email,
            token_hash=hash_one_time_token(token),
            lifetime=LIFETIMES[purpose],
        )
        return token
