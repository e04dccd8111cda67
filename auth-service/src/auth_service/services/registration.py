"""Registering."""

from auth_service.core.config import Settings
from auth_service.errors import EmailAlreadyRegisteredError, RegistrationDisabledError
from auth_service.models import AuditEventType, User
from auth_service.schemas.tokens import TokenPair
from auth_service.schemas.users import UserCreate
from auth_service.services.account_mail import AccountMail
from auth_service.services.audit import AuditTrail
from auth_service.services.tokens import TokenService
from auth_service.services.users import UserService


class RegistrationService:
    """Lets strangers make accounts of their own."""

    def __init__(
        self,
        *,
        user_service: UserService,
        tokens: TokenService,
        account_mail: AccountMail,
        audit: AuditTrail,
        settings: Settings,
    ) -> None:
        self._user_service = user_service
        self._tokens = tokens
        self._account_mail = account_mail
        self._audit = audit
        self._settings = settings

    async def register(self, new_user: UserCreate) -> tuple[User, TokenPair] | None:
        """Create an account and begin its first session; None when a mail says how to go on, whoever has the address.

        Raises:
            RegistrationDisabledError: nobody may register here.
            EmailAlreadyRegisteredError: the address is taken, and nobody has to verify theirs.
            PasswordTooCommonError: the password is easy to guess.
            PasswordHashingBusyError: too many passwords wait to be hashed.
        """
        if not self._settings.registration_enabled:
            raise RegistrationDisabledError
        if self._settings.email_verification_required:
            await self._register_by_mail(new_user)
            return None
        user = await self._user_service.create(new_user)
        await self._audit.record(AuditEventType.USER_REGISTERED, user_id=user.id)
        return user, await self._tokens.begin_session(user, grant="registration")

    async def _register_by_mail(self, new_user: UserCreate) -> None:
        try:
            user = await self._user_service.create(new_user)
        except EmailAlreadyRegisteredError:
            await self._account_mail.offer_existing_account(new_user.email)
        else:
            await self._audit.record(AuditEventType.USER_REGISTERED, user_id=user.id)
            await self._account_mail.verify(user, email=user.email)
