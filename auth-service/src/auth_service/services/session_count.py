"""Counts the live sessions now and then, for whoever operates this service."""

import structlog

from auth_service.metrics import SESSIONS_ACTIVE
from auth_service.repositories.sessions import SessionRepository
from service_chassis.background import BackgroundLoop
from service_chassis.database import Database
from service_chassis.errors import DatabaseUnavailableError
from service_chassis.metrics import UNKNOWN

COUNT_EVERY_SECONDS = 60.0
# What is worth knowing beyond this is how fast it grows, which logins tell; and reading an index takes its time.
MAXIMUM_COUNT = 100_000

logger = structlog.stdlib.get_logger(__name__)


class SessionCount:
    """How many sessions are live; unknown while the database is away."""

    def __init__(self, database: Database, *, count_every_seconds: float = COUNT_EVERY_SECONDS) -> None:
        self._database = database
        self._count_every_seconds = count_every_seconds
        self._loop = BackgroundLoop(self._count, name="count live sessions")

    def start(self) -> None:
        """Begin to count in the background."""
        self._loop.start()

    async def close(self) -> None:
        """Stop counting."""
        await self._loop.close()

    async def _count(self) -> float:
        count: float = UNKNOWN
        try:
            async with self._database.session() as session:
                count = await SessionRepository(session).count_live(limit=MAXIMUM_COUNT)
                # There is nothing to commit.
                await session.rollback()
        except DatabaseUnavailableError:
            # Every request says so.
            pass
        except Exception:
            # The next time may go better; a missing table makes the service unready by other means.
            logger.exception("live sessions not counted")
        SESSIONS_ACTIVE.set(count)
        return self._count_every_seconds
