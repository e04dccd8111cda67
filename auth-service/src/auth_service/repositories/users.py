"""Statements about accounts."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, delete, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from auth_service.errors import EmailAlreadyRegisteredError
from auth_service.models import EMAIL_PUNCTUATION, SEARCHED_TEXT, RefreshToken, Session, User
from service_chassis.text_search import prefix_query


class UserRepository:
    """Accounts; `find_*` returns None where there is none."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def add(
        self, *, email: str, hashed_password: str, full_name: str, is_superuser: bool, email_verified: bool
    ) -> User | None:
        """Insert an account, or return None when the address is taken; two at once can't both succeed."""
        statement = (
            insert(User)
            .values(
                email=email,
                hashed_password=hashed_password,
                full_name=full_name,
                is_superuser=is_superuser,
                email_verified=email_verified,
            )
            .on_conflict_do_nothing(index_elements=[User.email])
            .returning(User)
        )
        return await self._session.scalar(statement)

    async def find(self, user_id: UUID) -> User | None:
        """Find an account."""
        return await self._session.get(User, user_id)

    async def find_and_lock(self, user_id: UUID) -> User | None:
        """Find an account as it is now, and keep others from changing it until the transaction ends."""
        statement = select(User).where(User.id == user_id).with_for_update(key_share=True)
        return await self._session.scalar(statement, execution_options={"populate_existing": True})

    async def list_before(self, user_id: UUID | None, *, words: str | None, limit: int) -> Sequence[User]:
        """Return accounts, the newest first, from before one on; with words, those whose name or address has them."""
        ids = User.id if words is None else _ids_of_matching(words)
        page = select(ids).order_by(ids.desc()).limit(limit)
        if user_id is not None:
            page = page.where(ids < user_id)
        statement = select(User).where(User.id.in_(page)).order_by(User.id.desc())
        return (await self._session.scalars(statement)).all()

    async def find_by_email(self, email: str) -> User | None:
        """Find an account by its address in the stored spelling."""
        return await self._session.scalar(select(User).where(User.email == email))

    async def find_and_lock_by_email(self, email: str) -> User | None:
        """Find an account by its address like `find_and_lock`."""
        statement = select(User).where(User.email == email).with_for_update(key_share=True)
        return await self._session.scalar(statement, execution_options={"populate_existing": True})

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

    async def lock_superusers(self) -> set[UUID]:
        """Keep others from changing any active superuser, and return which accounts these are."""
        # In one order, so that two who do this wait for each other instead of both giving up.
        statement = select(User.id).where(User.is_superuser, User.is_active).order_by(User.id)
        return set((await self._session.scalars(statement.with_for_update(key_share=True))).all())

    async def change(self, user: User, changes: dict[str, Any]) -> None:
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

    async def delete(self, user_id: UUID) -> bool:
        """Delete an account and what belongs to it; False when there was none."""
        # The tokens first: a refresh locks its token before its session, and neither may wait for the other.
        theirs = select(Session.id).where(Session.user_id == user_id)
        await self._session.execute(delete(RefreshToken).where(RefreshToken.session_id.in_(theirs)))
        deleted = await self._session.scalar(delete(User).where(User.id == user_id).returning(User.id))
        return deleted is not None


def _ids_of_matching(words: str) -> ColumnElement[UUID]:
    # Materialised, because the planner would rather walk all accounts by age than trust how few have a rare word.
    separated = words.translate(dict.fromkeys(map(ord, EMAIL_PUNCTUATION), " "))
    matching = select(User.id).where(SEARCHED_TEXT.bool_op("@@")(prefix_query(separated)))
    return matching.cte("matching").prefix_with("MATERIALIZED").c.id
