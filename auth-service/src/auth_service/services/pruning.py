"""Deletes what nobody needs any more, in many short transactions, so that no lock is held for long."""

from datetime import timedelta

from auth_service.repositories.outbox_events import OutboxEventRepository
from auth_service.repositories.pruning import Outdated, PruningRepository, outdated
from service_chassis.access_tokens.claims import MAXIMUM_ACCESS_TOKEN_LIFETIME
from service_chassis.database import Database

# What an event tells matters until the last token that it speaks of has expired; followers may be away for longer.
EVENT_RETENTION = MAXIMUM_ACCESS_TOKEN_LIFETIME * 7


class Pruning:
    """What is outdated, counted or deleted."""

    def __init__(self, database: Database, *, audit_retention: timedelta) -> None:
        self._database = database
        self._outdated = outdated(audit_retention=audit_retention)

    async def count(self) -> dict[str, int]:
        """Return how much would be deleted of what."""
        counts = {}
        async with self._database.session() as session:
            for name, rows in self._outdated.items():
                counts[name] = await PruningRepository(session).count(rows)
            counts["events"] = await OutboxEventRepository(session).count_prunable(retention=EVENT_RETENTION)
        return counts

    async def prune(self) -> dict[str, int]:
        """Delete what is outdated; return how much of what.

        Raises:
            DatabaseUnavailableError: the database is away; what was deleted until then is gone.
        """
        counts = {name: await self._prune_table(rows) for name, rows in self._outdated.items()}
        return counts | {"events": await self._prune_events()}

    async def _prune_table(self, rows: Outdated) -> int:
        count = 0
        while True:
            async with self._database.session() as session:
                deleted = await PruningRepository(session).delete_some(rows)
            count += deleted
            if not deleted:
                return count

    async def _prune_events(self) -> int:
        count = 0
        while True:
            async with self._database.session() as session:
                deleted = await OutboxEventRepository(session).prune_some(retention=EVENT_RETENTION)
            if deleted is None:
                return count
            count += deleted
