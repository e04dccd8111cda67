"""Statements about signing keys."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from pydantic_core import from_json
from sqlalchemy import case, delete, func, insert, select, true, update
from sqlalchemy.ext.asyncio import AsyncSession

from auth_service.models import KeyState, SigningKey
from service_chassis.statement_pool import Row, Statement, StatementPool

# Any number that every replica takes: "signing" in ASCII.
_LOCK = 0x7369676E696E67

_NOW = func.statement_timestamp()
_SUCCESSOR_SIGNS_FROM = func.lead(SigningKey.signs_from).over(order_by=(SigningKey.signs_from, SigningKey.id))
_STATE = case(
    (SigningKey.signs_from > _NOW, KeyState.PUBLISHED),
    (func.coalesce(_SUCCESSOR_SIGNS_FROM > _NOW, true()), KeyState.SIGNING),
    (SigningKey.published_until > _NOW, KeyState.RETIRING),
    else_=KeyState.GONE,
)


_NEWEST_FIRST = select(SigningKey, _STATE.label("state"), _NOW.label("read_at")).order_by(
    SigningKey.signs_from.desc(), SigningKey.id.desc()
)
_READ = Statement(_NEWEST_FIRST)


@dataclass(frozen=True, slots=True)
class StoredKey:
    """A key as it was at a moment of the database's clock."""

    key: SigningKey
    state: KeyState
    read_at: datetime

    @property
    def may_sign(self) -> bool:
        """Whether the key has begun to sign; of those that may, the newest shall."""
        return self.state in {KeyState.SIGNING, KeyState.RETIRING}


class SigningKeyReader:
    """Reads the keys in one cheap statement, since every replica does so every second."""

    def __init__(self, pool: StatementPool) -> None:
        self._pool = pool

    async def newest_first(self) -> Sequence[StoredKey]:
        """Return every key that is stored, in the order in which they sign, with the last one first."""
        return [_stored_key(row) for row in await self._pool.fetch(_READ)]


class SigningKeyRepository:
    """The keys of all replicas."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def newest_first(self) -> Sequence[StoredKey]:
        """Return every key that is stored, in the order in which they sign, with the last one first."""
        rows = await self._session.execute(_NEWEST_FIRST, execution_options={"populate_existing": True})
        return [StoredKey(key, KeyState(state), read_at) for key, state, read_at in rows]

    async def lock(self) -> None:
        """Wait until nobody else is changing the keys; released when the transaction ends."""
        await self._session.execute(select(func.pg_advisory_xact_lock(_LOCK)))

    async def add(
        self,
        *,
        key_id: UUID,
        algorithm: str,
        public_jwk: dict[str, Any],
        sealed_private_key: bytes,
        signs_after: timedelta,
    ) -> None:
        """Insert a key pair that has signed nothing yet."""
        signs_from = _NOW + signs_after
        statement = insert(SigningKey).values(
            id=key_id,
            algorithm=algorithm,
            public_jwk=public_jwk,
            sealed_private_key=sealed_private_key,
            created_at=_NOW,
            signs_from=signs_from,
            published_until=signs_from,
        )
        await self._session.execute(statement)

    async def keep_published(self, key_id: UUID, *, at_least: timedelta) -> bool:
        """Keep a key published for at least so long from now; say whether it was still there."""
        published_until = func.greatest(SigningKey.published_until, _NOW + at_least)
        return await self._update(key_id, published_until=published_until)

    async def sign_at_once(self, key_id: UUID) -> None:
        """Let a key that is published sign without waiting any longer."""
        await self._update(key_id, signs_from=_NOW)

    async def reseal(self, key_id: UUID, sealed_private_key: bytes) -> None:
        """Store a private half that was sealed anew."""
        await self._update(key_id, sealed_private_key=sealed_private_key)

    async def delete(self, key_id: UUID) -> bool:
        """Delete a key, whatever it is for; say whether it was there."""
        statement = delete(SigningKey).where(SigningKey.id == key_id).returning(SigningKey.id)
        return await self._session.scalar(statement) is not None

    async def delete_gone(self, key_ids: Collection[UUID]) -> int:
        """Delete superseded keys, except one that was kept published since it was read; return how many."""
        gone = SigningKey.id.in_(key_ids), SigningKey.published_until <= _NOW
        return len((await self._session.scalars(delete(SigningKey).where(*gone).returning(SigningKey.id))).all())

    async def _update(self, key_id: UUID, **values: Any) -> bool:  # columns have values of many types
        statement = update(SigningKey).where(SigningKey.id == key_id).values(**values).returning(SigningKey.id)
        return await self._session.scalar(statement) is not None


def _stored_key(row: Row) -> StoredKey:
    columns = dict(row)
    state, read_at = columns.pop("state"), columns.pop("read_at")
    return StoredKey(SigningKey(**columns | {"public_jwk": from_json(row.public_jwk)}), KeyState(state), read_at)
