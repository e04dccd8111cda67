"""Statements about deleted users, and what keeps their late requests out."""

from collections.abc import Iterable
from uuid import UUID

from sqlalchemy import Text, cast, exists, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from items_service.models import DeletedOwner
from service_chassis.statement_pool import Statement, StatementPool

_IS_ANY_UNFINISHED = Statement(select(exists().where(DeletedOwner.items_deleted_at.is_(None))))


class UnfinishedOwners:
    """Tells in one cheap statement whether there is anything to delete, which there hardly ever is."""

    def __init__(self, pool: StatementPool) -> None:
        self._pool = pool

    async def exist(self) -> bool:
        """Say whether a deleted user may have items left."""
        [(is_any,)] = await self._pool.fetch(_IS_ANY_UNFINISHED)
        return bool(is_any)


class DeletedOwnerRepository:
    """Tombstones of users, and the lock that a new item and the deletion of all items exclude each other with."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def add(self, owner_ids: Iterable[UUID]) -> None:
        """Insert tombstones; one that is there already stays as it is."""
        values = [{"owner_id": owner_id} for owner_id in owner_ids]
        if values:
            await self._session.execute(insert(DeletedOwner).on_conflict_do_nothing(), values)

    async def may_own_items(self, owner_id: UUID) -> bool:
        """Say whether a user may get new items; until the transaction ends, nobody finishes deleting that user's."""
        # A function of the schema, which a single statement can ask as well.
        return bool(await self._session.scalar(select(func.may_own_items(owner_id))))

    async def claim_unfinished(self) -> UUID | None:
        """Find a deleted user who may have items left and whom nobody else works on, this replica's for a transaction.

        Whoever had passed the tombstone's check before there was a tombstone has finished by now.
        """
        owner = func.hashtextextended("owner " + cast(DeletedOwner.owner_id, Text), 0)
        lock = func.pg_try_advisory_xact_lock(owner)
        unfinished = select(DeletedOwner.owner_id).where(DeletedOwner.items_deleted_at.is_(None), lock)
        return await self._session.scalar(unfinished.limit(1).with_for_update(skip_locked=True))

    async def finish(self, owner_id: UUID) -> None:
        """Note that a deleted user has no items any more."""
        statement = update(DeletedOwner).where(DeletedOwner.owner_id == owner_id)
        await self._session.execute(statement.values(items_deleted_at=func.now()))
