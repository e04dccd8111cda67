"""Registering and logging in."""

from collections.abc import Awaitable, Callable

from auth_service.core.config import Settings
from auth_service.core.security import PasswordHashing
from auth_service.errors import EmailAlreadyRegisteredError, InvalidCredentialsError, RegistrationDisabledError
from auth_service.models import AuditEventType, User
from auth_service.repositories.users import UserRepository
from auth_service.schemas.tokens import TokenPair
from auth_service.schemas.users import UserCreate, find_email_spelling
from auth_service.services.account_mail import AccountMail
from auth_service.services.audit import AuditTrail
from auth_service.services.tokens import TokenService
from auth_service.services.users import UserService


class AuthService:
    """Turns an address and a password into a session."""

    def __init__(
        self,
        *,
        users: UserRepository,
        user_service: UserService,
        tokens: TokenService,
        account_mail: AccountMail,
        audit: AuditTrail,
        password_hashing: PasswordHashing,
        settings: Settings,
        commit: Callable[[], Awaitable[None]],
    ) -> None:
        self._users = users
        self._user_service = user_service
        self._tokens = tokens
        self._account_mail = account_mail
        self._audit = audit
        self._password_hashing = password_hashing
        self._settings = settings
        self._commit = commit

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

    async def log_in(self, *, username: str, password: str) -> TokenPair:
        """Begin a session for who knows the password; every refusal looks and lasts the same.

        Raises:
            InvalidCredentialsError: unknown or unverified address, wrong password, or inactive account.
            PasswordHashingBusyError: too many passwords wait to be hashed.
        """
        email = find_email_spelling(username)
        user = None if email is None else await self._users.find_by_email(email)
        # Commits: nothing; it gives the connection back, which others need while this password waits to be hashed.
        await self._commit()
        hashed_password = user.hashed_password if user is not None else None
        matches = await self._password_hashing.verify(password, hashed_password, may_match=self._may_log_in(user))
        if user is None or not matches:
            raise await self._refusal(user)
        outdated = self._password_hashing.needs_rehash(user.hashed_password)
        upgraded_hash = await self._password_hashing.hash(password) if outdated else None
        # Hashing takes its time, and the account may have lost its rights meanwhile.
        if not await self._users.lock_unchanged(user):
            raise await self._refusal(user)
        if upgraded_hash is not None:
            await self._users.replace_password_hash(user.id, upgraded_hash)
        await self._audit.record(AuditEventType.LOGIN_SUCCEEDED, user_id=user.id)
        return await self._tokens.begin_session(user, grant="password")

    async def _register_by_mail(self, new_user: UserCreate) -> None:
        try:
            user = await self._user_service.create(new_user)
        except EmailAlreadyRegisteredError:
            await self._account_mail.offer_existing_account(new_user.email)
        else:
            await self._audit.record(AuditEventType.USER_REGISTERED, user_id=user.id)
            await self._account_mail.verify(user, email=user.email)

    def _may_log_in(self, user: User | None) -> bool:
        if user is None or not user.is_active:
            return False
        return user.email_verified or not self._settings.email_verification_required

    async def _refusal(self, user: User | None) -> InvalidCredentialsError:
        user_id = user.id if user is not None else None
        await self._audit.record(AuditEventType.LOGIN_FAILED, user_id=user_id, reason=self._reason(user))
        # Commits: that somebody tried stays on record although the request is refused.
        await self._commit()
        return InvalidCredentialsError()

    def _reason(self, user: User | None) -> str:
        """Say why somebody was refused, to those who operate this service and nobody else."""
        if user is None or self._may_log_in(user):
            return "wrong_credentials"
        return "unverified" if user.is_active else "inactive"
