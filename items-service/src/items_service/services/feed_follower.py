"""Follows auth-service's events and writes what they mean for this service into its own database."""

import asyncio
import contextlib
from collections.abc import Sequence
from datetime import timedelta
from uuid import uuid4

import structlog

from items_service.repositories.deleted_owners import DeletedOwnerRepository
from items_service.repositories.denials import DenialRepository
from items_service.repositories.feed_cursor import FeedCursorRepository
from items_service.schemas.events import Event
from items_service.services.event_feed import CursorTooOldError, EventFeed, EventFeedError
from items_service.services.events import deleted_owner_of, denial_of
from service_chassis.background import BackgroundLoop
from service_chassis.database import Database
from service_chassis.errors import DatabaseUnavailableError

# Longer than a poll with its answer may take, so that nobody else follows meanwhile; a crash is noticed after this.
LEASE = timedelta(seconds=6)
STANDBY_SECONDS = 1.0
# Whoever answers at once that there is nothing new is not asked again at once.
EMPTY_PAUSE_SECONDS = 0.1
RETRY_SECONDS = 0.25
MAXIMUM_RETRY_SECONDS = 4.0
RELEASE_SECONDS = 0.5

logger = structlog.stdlib.get_logger(__name__)


class LeaseLostError(Exception):
    """Another replica follows the feed by now; what this one was about to write is rolled back."""


class FeedFollower:
    """One replica at a time follows; the others look every second whether its lease has run out."""

    def __init__(self, *, database: Database, feed: EventFeed) -> None:
        self._database = database
        self._feed = feed
        self._holder = uuid4()
        self._retry_seconds = RETRY_SECONDS
        self._loop = BackgroundLoop(self._try_to_follow, name="follow auth-service's events")

    def start(self) -> None:
        """Begin to follow in the background."""
        self._loop.start()

    async def close(self) -> None:
        """Stop, and let another replica go on at once."""
        await self._loop.close()
        await self._feed.close()
        with contextlib.suppress(DatabaseUnavailableError, TimeoutError):
            async with asyncio.timeout(RELEASE_SECONDS), self._database.session() as session:
                await FeedCursorRepository(session).release(self._holder)

    async def _try_to_follow(self) -> float:
        try:
            pause_seconds = await self._follow()
        except Exception as error:
            # Whatever it is, ended sessions have to be heard of once it is over.
            expected = isinstance(error, (EventFeedError, DatabaseUnavailableError, LeaseLostError))
            reason = str(error) or type(error).__name__
            logger.warning("events not followed", reason=reason, exc_info=None if expected else error)
            pause_seconds = self._retry_seconds
            self._retry_seconds = min(2 * self._retry_seconds, MAXIMUM_RETRY_SECONDS)
            return pause_seconds
        self._retry_seconds = RETRY_SECONDS
        return pause_seconds

    async def _follow(self) -> float:
        """Read events once and store them; return how long to pause."""
        async with self._database.session() as session:
            lease = await FeedCursorRepository(session).lease(self._holder, duration=LEASE)
        if lease is None:
            return STANDBY_SECONDS
        try:
            events = await self._feed.read(lease.cursor)
        except CursorTooOldError:
            logger.warning("events are followed from the beginning: the cursor is too old", cursor=lease.cursor)
            await self._store([], cursor=None)
            return RETRY_SECONDS
        cursor = events[-1].id if events else lease.cursor
        await self._store(events, cursor=cursor)
        return EMPTY_PAUSE_SECONDS if cursor == lease.cursor else 0

    async def _store(self, events: Sequence[Event], *, cursor: str | None) -> None:
        """Write what events mean and that they were read, both or neither."""
        async with self._database.session() as session:
            denials = DenialRepository(session)
            await denials.add([denial for denial in map(denial_of, events) if denial is not None])
            await denials.delete_expired()
            deleted = [owner_id for owner_id in map(deleted_owner_of, events) if owner_id is not None]
            await DeletedOwnerRepository(session).add(deleted)
            if not await FeedCursorRepository(session).move(cursor, holder=self._holder):
                raise LeaseLostError
