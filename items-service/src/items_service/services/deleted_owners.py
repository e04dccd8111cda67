"""Deletes what deleted users leave behind, some at a time."""

import contextlib

import structlog

from items_service.repositories.deleted_owners import DeletedOwnerRepository, UnfinishedOwners
from items_service.repositories.idempotency_keys import IdempotencyKeyRepository
from items_service.repositories.items import ItemRepository
from service_chassis.background import BackgroundLoop
from service_chassis.database import Database
from service_chassis.errors import DatabaseUnavailableError

PAUSE_SECONDS = 1.0
# Few enough for the time that a statement may take, and for requests not to notice.
ITEMS_AT_ONCE = 500

logger = structlog.stdlib.get_logger(__name__)


class Sweeper:
    """Works in every replica; a row lock keeps two from working on the same user."""

    def __init__(
        self, database: Database, *, unfinished: UnfinishedOwners, pause_seconds: float = PAUSE_SECONDS
    ) -> None:
        self._database = database
        self._unfinished = unfinished
        self._pause_seconds = pause_seconds
        self._loop = BackgroundLoop(self._try_to_sweep, name="delete items of deleted users")

    def start(self) -> None:
        """Begin to look for deleted users in the background."""
        self._loop.start()

    async def close(self) -> None:
        """Stop; what is left is for another replica, or for the next start."""
        await self._loop.close()

    async def _try_to_sweep(self) -> float:
        try:
            # Every request says that the database is away, so this need not.
            with contextlib.suppress(DatabaseUnavailableError):
                return 0 if await self._sweep() else self._pause_seconds
        except Exception:
            # The next time may go better; a missing table makes the service unready by other means.
            logger.exception("items of deleted users not deleted")
        return self._pause_seconds

    async def _sweep(self) -> bool:
        """Delete some items of one deleted user; False when there was none to look after."""
        if not await self._unfinished.exist():
            return False
        async with self._database.session() as session:
            owners = DeletedOwnerRepository(session)
            owner_id = await owners.claim_unfinished()
            if owner_id is None:
                # There is nothing to commit.
                await session.rollback()
                return False
            count = await ItemRepository(session).delete_some(owner_id, limit=ITEMS_AT_ONCE)
            if count < ITEMS_AT_ONCE:
                await IdempotencyKeyRepository(session).delete_of(owner_id)
                await owners.finish(owner_id)
                logger.info("items of a deleted user deleted", user_id=str(owner_id))
            return True
