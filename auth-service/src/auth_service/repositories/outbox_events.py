"""Statements about events for other services."""

import itertools
from collections.abc import Callable, Collection, Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Text, cast, delete, exists, func, insert, literal, select, tuple_
from sqlalchemy.dialects import postgresql
from sqlalchemy.ext.asyncio import AsyncSession

from auth_service.models import OutboxEvent, OutboxEventType, OutboxHorizon
from service_chassis.statement_pool import Statement, StatementPool
from service_chassis.transactions import call_on_commit

Position = tuple[int, int]
"""Where an event stands in the feed: its transaction, and its number."""

BEGINNING: Position = (0, 0)
PRUNED_AT_ONCE = 1_000


def _transaction_id(snapshot_bound: ColumnElement[Any]) -> ColumnElement[int]:
    return cast(cast(snapshot_bound, Text), BigInteger)


# Every transaction below the first has ended; none from the second on has begun.
_OLDEST_RUNNING = _transaction_id(func.pg_snapshot_xmin(func.pg_current_snapshot()))
_NEXT_TO_BEGIN = _transaction_id(func.pg_snapshot_xmax(func.pg_current_snapshot()))

_POSITION = tuple_(OutboxEvent.transaction_id, OutboxEvent.id)
_HORIZON = tuple_(OutboxHorizon.transaction_id, OutboxHorizon.event_id)
# A dump that was restored brings numbers of another server's transactions along.
_IS_OF_THIS_SERVER = OutboxHorizon.transaction_id < _NEXT_TO_BEGIN
# No event can come to stand before one of these any more, however transactions interleave.
_SETTLED = OutboxEvent.transaction_id < _OLDEST_RUNNING


_NEWEST = Statement(
    select(OutboxEvent.transaction_id, OutboxEvent.id)
    .where(_SETTLED)
    .order_by(OutboxEvent.transaction_id.desc(), OutboxEvent.id.desc())
    .limit(1)
)


class OutboxNews:
    """Tells in one cheap statement whether there is anything to read, which there hardly ever is."""

    def __init__(self, pool: StatementPool) -> None:
        self._pool = pool

    async def find_newest_position(self) -> Position:
        """Return where the last event stands that can be read."""
        rows = await self._pool.fetch(_NEWEST)
        return (rows[0].transaction_id, rows[0].id) if rows else BEGINNING


class OutboxEventRepository:
    """Events, in the order in which their transactions began."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def add(
        self,
        event_type: OutboxEventType,
        *,
        subjects: Collection[str],
        data: dict[str, Any],
        on_commit: Callable[[], None],
    ) -> None:
        """Insert an event for each subject, and call back once they are in the database for good."""
        rows = [{"type": event_type, "subject": subject, "data": data} for subject in subjects]
        await self._session.execute(insert(OutboxEvent), rows)
        call_on_commit(self._session, on_commit)

    async def list_after(self, position: Position, *, limit: int) -> Sequence[OutboxEvent]:
        """Return the events after a position, as far as none can come to stand between them any more."""
        statement = select(OutboxEvent).where(_after(position, _POSITION), _SETTLED)
        statement = statement.order_by(OutboxEvent.transaction_id, OutboxEvent.id).limit(limit)
        return (await self._session.scalars(statement)).all()

    async def keeps_what_follows(self, position: Position) -> bool:
        """Say whether nothing after a position was pruned; a position of another database is none of these."""
        pruned = exists(select(OutboxHorizon.id).where(_after(position, _HORIZON), _IS_OF_THIS_SERVER))
        return bool(await self._session.scalar(select((literal(position[0], BigInteger) < _NEXT_TO_BEGIN) & ~pruned)))

    async def count_prunable(self, *, retention: timedelta) -> int:
        """Count the events that may be deleted."""
        prunable = [OutboxEvent.created_at < func.now() - retention, OutboxEvent.type != OutboxEventType.USER_DELETED]
        return await self._session.scalar(select(func.count()).select_from(OutboxEvent).where(*prunable)) or 0

    async def prune_some(self, *, retention: timedelta) -> int | None:
        """Delete some of the events that are older than that, and note up to where; None when there are none.

        That a user was deleted stays for ever: without a cursor, one reads everything that still matters.
        """
        is_old = (OutboxEvent.created_at < func.now() - retention).label("is_old")
        # Whatever their age, so that this costs the same however many are kept.
        following = select(OutboxEvent.transaction_id, OutboxEvent.id, OutboxEvent.type, is_old)
        following = following.where(_after(await self._find_horizon(), _POSITION), _SETTLED)
        following = following.order_by(OutboxEvent.transaction_id, OutboxEvent.id).limit(PRUNED_AT_ONCE)
        rows = (await self._session.execute(following)).all()
        events = list(itertools.takewhile(lambda row: row.is_old, rows))
        if not events:
            return None
        ids = [event.id for event in events if event.type != OutboxEventType.USER_DELETED]
        await self._session.execute(delete(OutboxEvent).where(OutboxEvent.id.in_(ids)))
        position = {"transaction_id": events[-1].transaction_id, "event_id": events[-1].id}
        moved = postgresql.insert(OutboxHorizon).values(position)
        await self._session.execute(moved.on_conflict_do_update(index_elements=[OutboxHorizon.id], set_=position))
        return len(ids)

    async def _find_horizon(self) -> Position:
        horizon = select(OutboxHorizon.transaction_id, OutboxHorizon.event_id).where(_IS_OF_THIS_SERVER)
        row = (await self._session.execute(horizon)).one_or_none()
        return BEGINNING if row is None else (row.transaction_id, row.event_id)


def _after(position: Position, place: ColumnElement[Any]) -> ColumnElement[bool]:
    return place > tuple_(*position, types=[BigInteger, BigInteger])
