"""Accounts: how they begin, change and end."""

from uuid import UUID

from auth_service.core.config import Settings
from auth_service.core.security import PasswordHashing
from auth_service.errors import EmailAlreadyRegisteredError, LastSuperuserError
from auth_service.models import AuditEventType, OutboxEventType, User
from auth_service.repositories.users import UserRepository
from auth_service.schemas.users import UserCreate, UserUpdate
from auth_service.services.account_mail import AccountMail
from auth_service.services.audit import AuditTrail
from auth_service.services.events import EventPublisher
from auth_service.services.passwords import refuse_guessable_password


class UserService:
    """Accounts."""

    def __init__(
        self,
        *,
        users: UserRepository,
        events: EventPublisher,
        audit: AuditTrail,
        account_mail: AccountMail,
        password_hashing: PasswordHashing,
        settings: Settings,
    ) -> None:
        self._users = users
        self._events = events
        self._audit = audit
        self._account_mail = account_mail
        self._settings = settings
        self._password_hashing = password_hashing

    async def create(self, new_user: UserCreate, *, is_superuser: bool = False, email_verified: bool = False) -> User:
        """Create an account.

        Raises:
            EmailAlreadyRegisteredError: the address is taken.
            PasswordTooCommonError: the password is easy to guess.
            PasswordHashingBusyError: too many passwords wait to be hashed.
        """
        password = new_user.password.get_secret_value()
        refuse_guessable_password(password, email=new_user.email)
        hashed_password = await self._password_hashing.hash(password)
        user = await self._users.add(
            email=new_user.email,
            hashed_password=hashed_password,
            full_name=new_user.full_name,
            is_superuser=is_superuser,
            email_verified=email_verified,
        )
        if user is None:
            raise EmailAlreadyRegisteredError
        return user

    async def update(self, user: User, changes: UserUpdate) -> User:
        """Change what was sent and leave the rest as it is; a new address may have to be verified before it is used.

        Raises:
            EmailAlreadyRegisteredError: the new address is another account's, and it needs no verification.
        """
        values = changes.model_dump(exclude_unset=True)
        if values.get("email", user.email) != user.email:
            values |= await self._change_address(user, values.pop("email"))
        await self.store(user, values)
        return user

    async def _change_address(self, user: User, email: str) -> dict[str, str | bool]:
        if not self._settings.email_verification_required:
            return {"email": email, "email_verified": False}
        # Until its owner says so, an address that somebody typed is not theirs, and the former one stays.
        await self._account_mail.change_address(user, email=email)
        return {}

    async def store(self, user: User, values: dict[str, str | bool], *, actor_id: UUID | None = None) -> set[str]:
        """Store those values that are new, and return what they are of.

        Raises:
            EmailAlreadyRegisteredError: the new address is another account's.
        """
        new = {name: value for name, value in values.items() if value != getattr(user, name)}
        if new:
            await self._users.change(user, new)
            if "email" in new:
                await self._account_mail.take_back(user)
            await self._audit.record(
                AuditEventType.USER_CHANGED, user_id=user.id, actor_id=actor_id, fields=" ".join(sorted(new))
            )
        return set(new)

    async def delete(self, user: User, *, actor_id: UUID | None = None) -> None:
        """Delete an account with its sessions; deleting it again changes nothing and tells nobody.

        Raises:
            LastSuperuserError: nobody could administer accounts any more.
        """
        if await self._users.lock_superusers() == {user.id}:
            raise LastSuperuserError
        if await self._users.delete(user.id):
            await self._events.publish(OutboxEventType.USER_DELETED, user.id)
            await self._audit.record(AuditEventType.USER_DELETED, user_id=user.id, actor_id=actor_id)
