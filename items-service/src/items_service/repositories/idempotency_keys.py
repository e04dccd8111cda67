"""Statements about idempotency keys."""

from datetime import timedelta
from uuid import UUID

from sqlalchemy import delete, func, select, tuple_
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from items_service.models import IdempotencyKey

_FORGOTTEN = IdempotencyKey.created_at <= func.now() - timedelta(hours=24)


class IdempotencyKeyRepository:
    """The keys of each user; a key is forgotten after a day."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def try_to_lock(self, owner_id: UUID, key: str) -> bool:
        """Keep others from working on the same key until the transaction ends; False when somebody does already."""
        # Not a row: a lock ends with its transaction, however that ends, so no crash leaves a key locked.
        lock = func.pg_try_advisory_xact_lock(func.hashtextextended(f"{owner_id} {key}", 0))
        return bool(await self._session.scalar(select(lock)))

    async def find(self, owner_id: UUID, key: str) -> IdempotencyKey | None:
        """Find what was answered to a key."""
        statement = select(IdempotencyKey).where(
            IdempotencyKey.owner_id == owner_id,
            IdempotencyKey.key == key,
            ~_FORGOTTEN,
        )
        return await self._session.scalar(statement)

    async def save(self, *, owner_id: UUID, key: str, fingerprint: bytes, answer: str) -> None:
        """Remember what was answered; a key that was to be forgotten is taken over."""
        statement = insert(IdempotencyKey).values(owner_id=owner_id, key=key, fingerprint=fingerprint, answer=answer)
        replaced = {"fingerprint": fingerprint, "answer": answer, "created_at": func.now()}
        await self._session.execute(
            statement.on_conflict_do_update(index_elements=[IdempotencyKey.owner_id, IdempotencyKey.key], set_=replaced)
        )

    async def delete_of(self, owner_id: UUID) -> None:
        """Delete everything that one user was answered."""
        await self._session.execute(delete(IdempotencyKey).where(IdempotencyKey.owner_id == owner_id))

    async def count_forgotten(self) -> int:
        """Count the keys that are older than a day."""
        statement = select(func.count()).select_from(IdempotencyKey).where(_FORGOTTEN)
        return await self._session.scalar(statement) or 0

    async def delete_forgotten(self, *, limit: int) -> int:
        """Delete so many of the keys that are older than a day, and return how many there were."""
        forgotten = select(IdempotencyKey.owner_id, IdempotencyKey.key).where(_FORGOTTEN).limit(limit)
        primary_key = tuple_(IdempotencyKey.owner_id, IdempotencyKey.key)
        deleted = await self._session.execute(
            delete(IdempotencyKey)
            .where(primary_key.in_(forgotten.with_for_update(skip_locked=True)))
            .returning(IdempotencyKey.key)
        )
        return len(deleted.all())
