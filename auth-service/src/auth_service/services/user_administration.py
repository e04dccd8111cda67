"""What superusers do with everybody's accounts."""

from collections.abc import Awaitable, Callable
from uuid import UUID

from auth_service.core.security import PasswordHashing
from auth_service.errors import LastSuperuserError, UserNotFoundError
from auth_service.models import AuditEventType, OutboxEventType, User
from auth_service.repositories.users import UserRepository
from auth_service.schemas.users import AdminUserCreate, AdminUserUpdate, UserQuery
from auth_service.services.audit import AuditTrail
from auth_service.services.events import EventPublisher
from auth_service.services.passwords import PasswordService, refuse_guessable_password
from auth_service.services.sessions import SessionEnd, SessionService
from auth_service.services.users import UserService
from service_chassis.errors import InsufficientScopeError
from service_chassis.pagination import CursorSigner, Page, cut_page


class UserAdministration:
    """Everybody's accounts, in the hands of one superuser."""

    def __init__(
        self,
        *,
        actor: User,
        users: UserRepository,
        user_service: UserService,
        passwords: PasswordService,
        sessions: SessionService,
        events: EventPublisher,
        audit: AuditTrail,
        password_hashing: PasswordHashing,
        cursors: CursorSigner,
        commit: Callable[[], Awaitable[None]],
    ) -> None:
        self._actor = actor
        self._users = users
        self._user_service = user_service
        self._passwords = passwords
        self._sessions = sessions
        self._events = events
        self._audit = audit
        self._password_hashing = password_hashing
        self._cursors = cursors
        self._commit = commit

    async def list_page(self, query: UserQuery) -> Page[User]:
        """Return the accounts after the query's cursor, the newest first.

        Raises:
            InvalidCursorError: the cursor was not handed out for this list.
        """
        list_name = f"users with {query.q}"
        before = None
        if query.cursor is not None:
            [user_id] = self._cursors.verify(query.cursor, list_name=list_name)
            before = UUID(user_id)
        found = await self._users.list_before(before, words=query.q, limit=query.limit + 1)
        return cut_page(
            found,
            limit=query.limit,
            cursor_after=lambda user: self._cursors.sign([str(user.id)], list_name=list_name),
        )

    async def get(self, user_id: UUID) -> User:
        """Return an account.

        Raises:
            UserNotFoundError: there is none with this id.
        """
        user = await self._users.find(user_id)
        if user is None:
            raise UserNotFoundError
        return user

    async def create(self, new_user: AdminUserCreate) -> User:
        """Create an account for somebody.

        Raises:
            EmailAlreadyRegisteredError: the address is taken.
            PasswordTooCommonError: the password is easy to guess.
            PasswordHashingBusyError: too many passwords wait to be hashed.
        """
        # Commits: nothing; it gives the connection back, which others need while the password waits to be hashed.
        await self._commit()
        user = await self._user_service.create(
            new_user, is_superuser=new_user.is_superuser, email_verified=new_user.email_verified
        )
        await self._lock_superusers()
        await self._record(AuditEventType.USER_CREATED, user, is_superuser=user.is_superuser)
        return user

    async def update(self, user_id: UUID, changes: AdminUserUpdate) -> User:
        """Change what was sent and leave the rest as it is.

        Raises:
            UserNotFoundError: there is no account with this id.
            LastSuperuserError: nobody could administer accounts any more.
            EmailAlreadyRegisteredError: the new address is another account's.
            PasswordTooCommonError: the new password is easy to guess.
            PasswordHashingBusyError: too many passwords wait to be hashed.
        """
        hashed_password = await self._hash_new_password(user_id, changes)
        superusers = await self._lock_superusers()
        user = await self._lock(user_id)
        values = changes.model_dump(exclude_unset=True, exclude={"password"})
        if superusers == {user_id} and not (values.get("is_active", True) and values.get("is_superuser", True)):
            raise LastSuperuserError
        changed = await self._user_service.store(user, values, actor_id=self._actor.id)
        await self._apply_change_of_rights(user, changed)
        if hashed_password is not None:
            await self._passwords.replace(user, hashed_password, actor_id=self._actor.id)
        return user

    async def delete(self, user_id: UUID) -> None:
        """Delete an account with its sessions.

        Raises:
            UserNotFoundError: there is no account with this id.
            LastSuperuserError: nobody could administer accounts any more.
        """
        await self._lock_superusers()
        await self._user_service.delete(await self._lock(user_id), actor_id=self._actor.id)

    async def _hash_new_password(self, user_id: UUID, changes: AdminUserUpdate) -> str | None:
        if "password" not in changes.model_fields_set:
            return None
        password = changes.password.get_secret_value()
        refuse_guessable_password(password, email=changes.email or (await self.get(user_id)).email)
        # Commits: nothing; it gives the connection back, which others need while the password waits to be hashed.
        await self._commit()
        return await self._password_hashing.hash(password)

    async def _lock_superusers(self) -> set[UUID]:
        # Always before any other account, so that no two administrators wait for each other.
        superusers = await self._users.lock_superusers()
        if self._actor.id not in superusers:
            raise InsufficientScopeError
        return superusers

    async def _lock(self, user_id: UUID) -> User:
        user = await self._users.find_and_lock(user_id)
        if user is None:
            raise UserNotFoundError
        return user

    async def _apply_change_of_rights(self, user: User, changed: set[str]) -> None:
        deactivated = "is_active" in changed and not user.is_active
        if not deactivated and "is_superuser" not in changed:
            return
        await self._users.change(user, {"rights_version": user.rights_version + 1})
        if "is_superuser" in changed:
            await self._events.publish(OutboxEventType.USER_RIGHTS_CHANGED, user.id, rights_version=user.rights_version)
            await self._record(AuditEventType.USER_ROLE_CHANGED, user, is_superuser=user.is_superuser)
        if deactivated:
            await self._events.publish(OutboxEventType.USER_DEACTIVATED, user.id, rights_version=user.rights_version)
            await self._record(AuditEventType.USER_DEACTIVATED, user)
            await self._sessions.end_all(user.id, SessionEnd.DEACTIVATED, actor_id=self._actor.id)

    async def _record(self, event_type: AuditEventType, user: User, **details: bool) -> None:
        await self._audit.record(event_type, user_id=user.id, actor_id=self._actor.id, **details)
