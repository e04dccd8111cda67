"""Statements about sessions."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from auth_service.models import Session, User


class SessionRepository:
    """Sessions; each is the family of refresh tokens that one login began."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def add(self, *, user_id: UUID, address: str, user_agent: str, expires_at: datetime) -> Session:
        """Insert a session."""
        session = Session(user_id=user_id, address=address, user_agent=user_agent, expires_at=expires_at)
        self._session.add(session)
        await self._session.flush()
        return session

    async def use(self, session_id: UUID, *, address: str, user_agent: str) -> User | None:
        """Store when and from where a live session was used last; return whose it is, None when it has ended."""
        statement = (
            update(Session)
            .where(Session.id == session_id, Session.ended_at.is_(None), Session.expires_at > func.now())
            .where(Session.user_id == User.id)
            .values(last_used_at=func.now(), address=address, user_agent=user_agent)
            .returning(User)
        )
        return await self._session.scalar(statement)

    async def list_live(self, user_id: UUID, *, limit: int) -> Sequence[Session]:
        """Return somebody's sessions that have not ended, the last used first."""
        statement = (
            select(Session)
            .where(Session.user_id == user_id, Session.ended_at.is_(None), Session.expires_at > func.now())
            .order_by(Session.last_used_at.desc(), Session.id.desc())
            .limit(limit)
        )
        return (await self._session.scalars(statement)).all()

    async def count_live(self, *, limit: int) -> int:
        """Count the sessions that have not ended, up to a limit, from their index alone."""
        live = select(Session.expires_at).where(Session.ended_at.is_(None), Session.expires_at > func.now())
        return await self._session.scalar(select(func.count()).select_from(live.limit(limit).subquery())) or 0

    async def end(self, session_id: UUID, *, user_id: UUID | None = None) -> Session | None:
        """End a session, whosever it is unless an owner is given; None when it has ended before."""
        statement = update(Session).where(Session.id == session_id, Session.ended_at.is_(None))
        if user_id is not None:
            statement = statement.where(Session.user_id == user_id)
        return await self._session.scalar(statement.values(ended_at=func.now()).returning(Session))

    async def end_all(self, user_id: UUID, *, kept_id: UUID | None) -> Sequence[Session]:
        """End somebody's sessions but for one to be kept; return those that had not ended before.

        One that is too old counts as well: its last access token may still be good elsewhere.
        """
        statement = update(Session).where(Session.user_id == user_id, Session.ended_at.is_(None))
        if kept_id is not None:
            statement = statement.where(Session.id != kept_id)
        return (await self._session.scalars(statement.values(ended_at=func.now()).returning(Session))).all()
