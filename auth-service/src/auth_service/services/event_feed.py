"""Reads the outbox for those who follow it; however many wait, they cost one statement at a time together."""

import asyncio
import contextlib
from collections.abc import Sequence

import structlog

from auth_service.errors import CursorTooOldError
from auth_service.metrics import EVENT_FEED_WAITING
from auth_service.models import OutboxEvent
from auth_service.repositories.outbox_events import BEGINNING, OutboxEventRepository, OutboxNews, Position
from service_chassis.background import BackgroundLoop
from service_chassis.database import Database
from service_chassis.errors import DatabaseUnavailableError

EVENTS_AT_ONCE = 500
# Asking works through any pooler; to be notified takes a connection of its own that no pooler hands to others.
LOOK_SECONDS = 0.2

logger = structlog.stdlib.get_logger(__name__)


class EventFeed:
    """The events, in an order in which none is ever inserted before one that was read."""

    def __init__(self, database: Database, *, news: OutboxNews) -> None:
        self._database = database
        self._news = news
        self._waiting: dict[asyncio.Future[bool], Position] = {}
        # However many are woken at once, they read one after another, and leave the other connections to requests.
        self._reading = asyncio.Lock()
        self._has_ended = False
        self._loop = BackgroundLoop(self._look_for_those_who_wait, name="look for events")

    @property
    def waiting_count(self) -> int:
        """How many readers wait for an event now."""
        return len(self._waiting)

    def read_gauges(self) -> None:
        """Show how many readers wait."""
        EVENT_FEED_WAITING.set(self.waiting_count)

    def start(self) -> None:
        """Begin to look for events, as long as somebody waits for them."""
        self._loop.start()

    def answer_who_waits(self) -> None:
        """End all waiting, now and later: the process is about to end."""
        self._has_ended = True
        self._wake(list(self._waiting), to_read=False)

    async def close(self) -> None:
        """Stop looking."""
        await self._loop.close()

    async def read(self, after: Position | None, *, wait_seconds: float) -> Sequence[OutboxEvent]:
        """Return the events after a position; wait for the first, and return none when none came in time.

        Raises:
            CursorTooOldError: some of what followed is not kept any more.
            DatabaseUnavailableError: the database is away.
        """
        events = await self._read(after)
        if not events and await self._comes_something(after or BEGINNING, wait_seconds=wait_seconds):
            events = await self._read(after)
        return events

    async def _read(self, after: Position | None) -> Sequence[OutboxEvent]:
        async with self._reading, self._database.session() as session:
            outbox = OutboxEventRepository(session)
            events = await outbox.list_after(after or BEGINNING, limit=EVENTS_AT_ONCE)
            # Asked last: what was pruned before is missing above.
            if after is not None and not await outbox.keeps_what_follows(after):
                raise CursorTooOldError
            return events

    async def _comes_something(self, after: Position, *, wait_seconds: float) -> bool:
        if self._has_ended or not wait_seconds:
            return False
        woken: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._waiting[woken] = after
        try:
            async with asyncio.timeout(wait_seconds):
                return await woken
        except TimeoutError:
            return False
        finally:
            del self._waiting[woken]

    async def _look_for_those_who_wait(self) -> float:
        if self._waiting:
            waiting = dict(self._waiting)
            newest = await self._find_newest_position()
            # Without an answer they ask for themselves, and are told that the database is away.
            self._wake([woken for woken, after in waiting.items() if newest is None or newest > after], to_read=True)
        return LOOK_SECONDS

    async def _find_newest_position(self) -> Position | None:
        try:
            return await self._news.find_newest_position()
        except DatabaseUnavailableError:
            return None
        except Exception:
            logger.exception("events not looked for")
            return None

    def _wake(self, waiting: Sequence[asyncio.Future[bool]], *, to_read: bool) -> None:
        for woken in waiting:
            with contextlib.suppress(asyncio.InvalidStateError):
                woken.set_result(to_read)
