"""Statements about how far the feed was followed, and who follows it."""

from datetime import timedelta
from uuid import UUID

from sqlalchemy import func, or_, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from items_service.models import FeedCursor


class FeedCursorRepository:
    """The one cursor, and its lease: as long as it lasts, only its holder moves the cursor."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def lease(self, holder: UUID, *, duration: timedelta) -> FeedCursor | None:
        """Take or prolong the lease; None while somebody else holds it."""
        await self._session.execute(insert(FeedCursor).on_conflict_do_nothing())
        free = or_(FeedCursor.leased_until.is_(None), FeedCursor.leased_until < func.now())
        statement = (
            update(FeedCursor)
            .where(or_(FeedCursor.lease_holder == holder, free))
            .values(lease_holder=holder, leased_until=func.now() + duration)
            .returning(FeedCursor)
        )
        return await self._session.scalar(statement)

    async def move(self, cursor: str | None, *, holder: UUID) -> bool:
        """Note how far the feed was followed just now; False when the lease has become somebody else's."""
        statement = (
            update(FeedCursor)
            .where(FeedCursor.lease_holder == holder)
            .values(cursor=cursor, followed_at=func.now())
            .returning(FeedCursor.id)
        )
        return await self._session.scalar(statement) is not None

    async def release(self, holder: UUID) -> None:
        """Let another replica follow at once."""
        statement = update(FeedCursor).where(FeedCursor.lease_holder == holder)
        await self._session.execute(statement.values(lease_holder=None, leased_until=None))
