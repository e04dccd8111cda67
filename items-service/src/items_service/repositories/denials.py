"""Statements about denials."""

from collections.abc import AsyncIterator, Iterable, Sequence
from datetime import timedelta
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import BigInteger, ColumnElement, Text, bindparam, cast, delete, exists, func, select, tuple_, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from items_service.models import Denial, FeedCursor
from service_chassis.statement_pool import Statement, StatementPool

PRUNED_AT_ONCE = 1_000
# A denial that was lifted by hand ends a little in the past, so that every replica's clock says so too.
_LIFTED = func.now() - timedelta(minutes=1)
# Replicas have to see that a denial was lifted before its row is gone.
_EXPIRED = Denial.denied_until < func.now() - timedelta(hours=1)
_TRANSACTION_ID = cast(cast(func.pg_current_xact_id(), Text), BigInteger)

_OLDEST_RUNNING = func.pg_snapshot_xmin(func.pg_current_snapshot())
_NEWS = Statement(
    select(
        exists().where(Denial.transaction_id >= bindparam("since", type_=BigInteger)).label("has_changed"),
        cast(cast(_OLDEST_RUNNING, Text), BigInteger).label("next_transaction"),
        select(func.extract("epoch", func.now() - FeedCursor.followed_at)).scalar_subquery().label("feed_age_seconds"),
    )
)


class News(NamedTuple):
    """Whether denials have changed; below which transaction all have ended; when a replica read the feed last."""

    has_changed: bool
    next_transaction: int
    feed_age_seconds: float | None


class DenialNews:
    """Tells in one cheap statement whether there is anything to read, which there hardly ever is."""

    def __init__(self, pool: StatementPool) -> None:
        self._pool = pool

    async def since(self, transaction_id: int) -> News:
        """Say what this transaction or a later one has changed, and where to look from the next time."""
        [(has_changed, next_transaction, age_seconds)] = await self._pool.fetch(_NEWS, since=transaction_id)
        return News(has_changed, next_transaction, None if age_seconds is None else float(age_seconds))


class DenialRepository:
    """Denials; adding one again changes it only to what denies more and longer."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def add(self, denials: Iterable[Denial]) -> None:
        """Insert denials."""
        statement = insert(Denial)
        new = statement.excluded
        replaced: dict[str, ColumnElement[Any]] = {
            "minimum_rights_version": func.greatest(Denial.minimum_rights_version, new.minimum_rights_version),
            "denied_until": func.greatest(Denial.denied_until, new.denied_until),
            "transaction_id": _TRANSACTION_ID,
        }
        statement = statement.on_conflict_do_update(index_elements=[Denial.kind, Denial.subject], set_=replaced)
        values = [
            {
                "kind": denial.kind,
                "subject": denial.subject,
                "minimum_rights_version": denial.minimum_rights_version,
                "denied_until": denial.denied_until,
            }
            for denial in denials
        ]
        if values:
            await self._session.execute(statement, values)

    async def lift(self, kind: str, subject: UUID) -> bool:
        """End a denial; False when there was none."""
        statement = (
            update(Denial)
            .where(Denial.kind == kind, Denial.subject == subject, Denial.denied_until > func.now())
            .values(denied_until=_LIFTED, transaction_id=_TRANSACTION_ID)
            .returning(Denial.subject)
        )
        return await self._session.scalar(statement) is not None

    async def list_present(self) -> Sequence[Denial]:
        """Return what is denied now, what ends first before the rest."""
        statement = select(Denial).where(Denial.denied_until > func.now()).order_by(Denial.denied_until, Denial.subject)
        return (await self._session.scalars(statement)).all()

    async def changed_since(self, transaction_id: int) -> AsyncIterator[Denial]:
        """Give the denials that this transaction or a later one has changed, a thousand at a time."""
        statement = select(Denial).where(Denial.transaction_id >= transaction_id)
        async for denial in await self._session.stream_scalars(statement.execution_options(yield_per=1_000)):
            yield denial
            self._session.expunge(denial)

    async def count_expired(self) -> int:
        """Count the denials whose last token has expired."""
        return await self._session.scalar(select(func.count()).select_from(Denial).where(_EXPIRED)) or 0

    async def delete_expired(self) -> int:
        """Delete some denials whose last token has expired; return how many."""
        key = tuple_(Denial.kind, Denial.subject)
        some = select(Denial.kind, Denial.subject).where(_EXPIRED).limit(PRUNED_AT_ONCE)
        statement = delete(Denial).where(key.in_(some.with_for_update(skip_locked=True))).returning(Denial.subject)
        return len((await self._session.scalars(statement)).all())
