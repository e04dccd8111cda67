"""Statements about refresh tokens."""

from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from auth_service.models import RefreshToken


class RefreshTokenRepository:
    """Refresh tokens, by the hash of their text."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def add(self, *, session_id: UUID, token_hash: bytes, expires_at: datetime) -> None:
        """Insert the next link of a session's chain."""
        self._session.add(RefreshToken(session_id=session_id, token_hash=token_hash, expires_at=expires_at))
        await self._session.flush()

    async def find_by_hash(self, token_hash: bytes) -> RefreshToken | None:
        """Find a token, used or not, expired or not."""
        return await self._session.scalar(select(RefreshToken).where(RefreshToken.token_hash == token_hash))

    async def find_used_within(self, token_hash: bytes, duration: timedelta) -> RefreshToken | None:
        """Find a token that was used a short time ago, by the clock that also noted the use."""
        statement = select(RefreshToken).where(
            RefreshToken.token_hash == token_hash, RefreshToken.used_at > func.now() - duration
        )
        return await self._session.scalar(statement)

    async def claim(self, token_hash: bytes, *, sealed_successor: bytes) -> RefreshToken | None:
        """Use up a token in one atomic statement; of many who try at once, one gets it and the others get None."""
        statement = (
            update(RefreshToken)
            .where(RefreshToken.token_hash == token_hash)
            .where(RefreshToken.used_at.is_(None), RefreshToken.expires_at > func.now())
            .values(used_at=func.clock_timestamp(), sealed_successor=sealed_successor)
            .returning(RefreshToken)
        )
        return await self._session.scalar(statement)
