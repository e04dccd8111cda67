"""Statements about signing keys."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from auth_service.models import SigningKey

# Any number that every replica takes: "signing" in ASCII.
_CREATION_LOCK = 0x7369676E696E67


class SigningKeyRepository:
    """The keys that are published."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def newest_first(self) -> Sequence[SigningKey]:
        """Return every published key."""
        return (await self._session.scalars(select(SigningKey).order_by(SigningKey.id.desc()))).all()

    async def lock_creation(self) -> None:
        """Wait until no other replica is creating a key; released when the transaction ends."""
        await self._session.execute(select(func.pg_advisory_xact_lock(_CREATION_LOCK)))

    async def add(
        self, *, key_id: UUID, algorithm: str, public_jwk: dict[str, Any], sealed_private_key: bytes
    ) -> SigningKey:
        """Insert a key pair."""
        key = SigningKey(id=key_id, algorithm=algorithm, public_jwk=public_jwk, sealed_private_key=sealed_private_key)
        self._session.add(key)
        await self._session.flush()
        return key
