"""Statements about sessions."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import func, update
from sqlalchemy.ext.asyncio import AsyncSession

from auth_service.models import Session


class SessionRepository:
    """Sessions; each is the family of refresh tokens that one login began."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def add(self, *, user_id: UUID, expires_at: datetime) -> Session:
        """Insert a session."""
        session = Session(user_id=user_id, expires_at=expires_at)
        self._session.add(session)
        await self._session.flush()
        return session

    async def end(self, session_id: UUID) -> None:
        """End a session; ending it again changes nothing."""
        statement = update(Session).where(Session.id == session_id, Session.ended_at.is_(None))
        await self._session.execute(statement.values(ended_at=func.now()))
