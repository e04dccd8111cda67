"""Statements about one-time tokens."""

from datetime import timedelta
from uuid import UUID

from sqlalchemy import ColumnElement, delete, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from auth_service.models import OneTimeToken, OneTimeTokenPurpose, User


class OneTimeTokenRepository:
    """One-time tokens, by the hash of their text."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def add(
        self, *, user_id: UUID, purpose: OneTimeTokenPurpose, email: str, token_hash: bytes, lifetime: timedelta
    ) -> None:
        """Insert a token that lives for a while, by the clock that will also judge it."""
        expires_at = func.now() + lifetime
        statement = insert(OneTimeToken).values(
            user_id=user_id, purpose=purpose, email=email, token_hash=token_hash, expires_at=expires_at
        )
        await self._session.execute(statement)

    async def find_owner(self, token_hash: bytes, purpose: OneTimeTokenPurpose) -> User | None:
        """Find the account whose token can be used for this now."""
        statement = select(User).join(OneTimeToken).where(*_usable(token_hash, purpose))
        return await self._session.scalar(statement)

    async def claim(self, token_hash: bytes, purpose: OneTimeTokenPurpose) -> str | None:
        """Use up a token in one atomic statement; return the address that it proves, to one of many who try at once."""
        statement = delete(OneTimeToken).where(*_usable(token_hash, purpose)).returning(OneTimeToken.email)
        return await self._session.scalar(statement)

    async def delete_all(self, user_id: UUID, purpose: OneTimeTokenPurpose | None = None) -> None:
        """Take back somebody's tokens, for every purpose unless one is given."""
        statement = delete(OneTimeToken).where(OneTimeToken.user_id == user_id)
        if purpose is not None:
            statement = statement.where(OneTimeToken.purpose == purpose)
        await self._session.execute(statement)


def _usable(token_hash: bytes, purpose: OneTimeTokenPurpose) -> tuple[ColumnElement[bool], ...]:
    return OneTimeToken.token_hash == token_hash, OneTimeToken.purpose == purpose, OneTimeToken.expires_at > func.now()
