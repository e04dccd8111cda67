"""Logging in."""

from datetime import UTC, datetime, timedelta

from auth_service.core.config import Settings
from auth_service.core.security import PasswordHashing, hash_refresh_token, new_refresh_token
from auth_service.errors import InvalidCredentialsError
from auth_service.metrics import TOKENS_ISSUED
from auth_service.models import AuditEventType
from auth_service.repositories.direct_logins import DirectLoginRepository, LoginUser
from auth_service.schemas.devices import Device
from auth_service.schemas.tokens import TokenPair
from auth_service.schemas.users import find_email_spelling
from auth_service.services.audit import AuditTrail
from auth_service.services.login_queue import LoginQueue
from auth_service.services.signing_keys import SigningKeys
from auth_service.services.throttling import Allowance, Throttle
from auth_service.services.token_pairs import new_pair
from service_chassis.errors import ServiceError


class LoginService:
    """Turns an address and a password into a session; no connection is held while a password is hashed."""

    def __init__(
        self,
        *,
        queue: LoginQueue,
        throttle: Throttle,
        logins: DirectLoginRepository,
        audit: AuditTrail,
        password_hashing: PasswordHashing,
        signing_keys: SigningKeys,
        device: Device,
        settings: Settings,
    ) -> None:
        self._queue = queue
        self._throttle = throttle
        self._logins = logins
        self._audit = audit
        self._password_hashing = password_hashing
        self._signing_keys = signing_keys
        self._device = device
        self._settings = settings

    async def log_in(self, *, username: str, password: str) -> tuple[TokenPair, Allowance]:
        """Begin a session for who knows the password, and say how many attempts are left.

        Every refusal looks and lasts the same, and says that too.

        Raises:
            InvalidCredentialsError: unknown or unverified address, wrong password, or inactive account.
            TooManyAttemptsError: from this network, or at this account.
            PasswordHashingBusyError: too many passwords wait to be hashed.
        """
        email = find_email_spelling(username)
        async with self._queue.turn(), self._throttle.login_attempt(email or username) as allowance:
            try:
                return await self._begin_session(email, password), allowance
            except ServiceError as error:
                error.answer_headers.update(allowance.fields())
                raise

    async def _begin_session(self, email: str | None, password: str) -> TokenPair:
        # Before anything is changed, since without a key there is no pair.
        signing_key = await self._signing_keys.signing_key()
        user = await self._get_who_knows(email, password)
        outdated = self._password_hashing.needs_rehash(user.hashed_password)
        upgraded_hash = await self._password_hashing.hash(password) if outdated else None
        refresh_token, now = new_refresh_token(), datetime.now(UTC)
        session_id = await self._logins.begin_session(
            user,
            upgraded_hash=upgraded_hash,
            address=self._device.address,
            user_agent=self._device.user_agent,
            expires_at=now + timedelta(days=self._settings.session_expire_days),
            token_hash=hash_refresh_token(refresh_token),
            token_expires_at=now + timedelta(days=self._settings.refresh_token_idle_days),
        )
        # Hashing takes its time, and the account may have lost its rights meanwhile.
        if session_id is None:
            raise await self._refusal(user)
        self._audit.tell(AuditEventType.LOGIN_SUCCEEDED, user_id=user.id)
        TOKENS_ISSUED.labels("password").inc()
        return new_pair(
            user,
            session_id=session_id,
            refresh_token=refresh_token,
            signing_key=signing_key,
            settings=self._settings,
        )

    async def _get_who_knows(self, email: str | None, password: str) -> LoginUser:
        user = None if email is None else await self._logins.find_user(email)
        hashed_password = user.hashed_password if user is not None else None
        matches = await self._password_hashing.verify(password, hashed_password, may_match=self._may_log_in(user))
        if user is None or not matches:
            raise await self._refusal(user)
        return user

    def _may_log_in(self, user: LoginUser | None) -> bool:
        if user is None or not user.is_active:
            return False
        return user.email_verified or not self._settings.email_verification_required

    async def _refusal(self, user: LoginUser | None) -> InvalidCredentialsError:
        user_id = user.id if user is not None else None
        await self._audit.record(AuditEventType.LOGIN_FAILED, user_id=user_id, reason=self._reason(user))
        return InvalidCredentialsError()

    def _reason(self, user: LoginUser | None) -> str:
        """Say why somebody was refused, to those who operate this service and nobody else."""
        if user is None or self._may_log_in(user):
            return "wrong_credentials"
        return "unverified" if user.is_active else "inactive"
