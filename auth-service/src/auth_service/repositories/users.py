"""Statements about accounts."""

from uuid import UUID

from sqlalchemy import func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from auth_service.errors import EmailAlreadyRegisteredError
from auth_service.models import Session, User


class UserRepository:
    """Accounts; `find_*` returns None where there is none."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def add(self, *, email: str, hashed_password: str, full_name: str, is_superuser: bool = False) -> User | None:
        """Insert an account, or return None when the address is taken; two at once can't both succeed."""
        statement = (
            insert(User)
            .values(email=email, hashed_password=hashed_password, full_name=full_name, is_superuser=is_superuser)
            .on_conflict_do_nothing(index_elements=[User.email])
            .returning(User)
        )
        return await self._session.scalar(statement)

    async def find_by_email(self, email: str) -> User | None:
        """Find an account by its address in the stored spelling."""
        return await self._session.scalar(select(User).where(User.email == email))

    async def find_by_live_session(self, session_id: UUID) -> User | None:
        """Find an account by one of its sessions, as long as that has not ended."""
        statement = (
            select(User)
            .join(Session, Session.user_id == User.id)
            .where(Session.id == session_id, Session.ended_at.is_(None), Session.expires_at > func.now())
        )
        return await self._session.scalar(statement)

    async def lock_unchanged(self, user: User) -> bool:
        """Keep others from changing an account; False when it has other rights or another password than when read."""
        unchanged = select(User.id).where(
            User.id == user.id,
            User.is_active,
            User.rights_version == user.rights_version,
            User.password_version == user.password_version,
        )
        return await self._session.scalar(unchanged.with_for_update(key_share=True)) is not None

    async def change(self, user: User, changes: dict[str, str]) -> None:
        """Store new values of some columns.

        Raises:
            EmailAlreadyRegisteredError: the new address is another account's.
        """
        for column, value in changes.items():
            setattr(user, column, value)
        try:
            await self._session.flush()
        except IntegrityError as error:
            raise EmailAlreadyRegisteredError from error

    async def set_password(self, user: User, hashed_password: str) -> None:
        """Store the hash of a new password, which overtakes logins that are verifying the old one."""
        user.hashed_password = hashed_password
        user.password_version += 1
        await self._session.flush()

    async def replace_password_hash(self, user_id: UUID, hashed_password: str) -> None:
        """Store a hash of the same password made with today's parameters."""
        await self._session.execute(update(User).where(User.id == user_id).values(hashed_password=hashed_password))
