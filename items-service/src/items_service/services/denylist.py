"""Says of every request's token whether it is denied, from memory; follows what this service's own database says."""

import math
import time
from collections.abc import Awaitable, Callable
from typing import NamedTuple
from uuid import UUID

import structlog

from items_service.metrics import DENYLIST_ENTRIES, EVENT_FEED_AGE
from items_service.models import Denial, DenialKind
from items_service.repositories.denials import DenialNews, DenialRepository
from service_chassis.access_tokens.claims import AccessToken
from service_chassis.background import BackgroundLoop
from service_chassis.database import Database
from service_chassis.errors import DatabaseUnavailableError
from service_chassis.metrics import UNKNOWN

REFRESH_SECONDS = 0.5
FORGET_EXPIRED_SECONDS = 60.0

logger = structlog.stdlib.get_logger(__name__)


class _Entry(NamedTuple):
    minimum_rights_version: int
    expires_at: float


class Denylist:
    """What is denied, as of less than a second ago; without its database it goes on with what it has."""

    def __init__(
        self,
        database: Database,
        *,
        news: DenialNews,
        forget_key: Callable[[str], Awaitable[None]],
        refresh_seconds: float = REFRESH_SECONDS,
    ) -> None:
        self._database = database
        self._news = news
        self._forget_key = forget_key
        self._refresh_seconds = refresh_seconds
        self._entries: dict[tuple[str, UUID], _Entry] = {}
        self._forgotten_keys: set[UUID] = set()
        self._forgotten_expired_at = time.monotonic()
        self._is_stale = False
        self._next_transaction: int | None = None
        self._feed_followed_at = -math.inf
        self._loop = BackgroundLoop(self._try_to_refresh, name="follow denials")

    @property
    def is_loaded(self) -> bool:
        """Whether it has seen the database at all; before that, nobody can be judged."""
        return self._next_transaction is not None

    @property
    def size(self) -> int:
        """How many sessions, users and keys are denied."""
        return len(self._entries)

    @property
    def feed_age_seconds(self) -> float:
        """How long ago some replica has read auth-service's events successfully; infinite if none ever did."""
        return time.monotonic() - self._feed_followed_at

    def read_gauges(self) -> None:
        """Show how much is denied, and how old the news is."""
        DENYLIST_ENTRIES.set(self.size if self.is_loaded else UNKNOWN)
        EVENT_FEED_AGE.set(self.feed_age_seconds if self.is_loaded else UNKNOWN)

    async def start(self) -> None:
        """Load what is denied, and follow its changes in the background."""
        await self._try_to_refresh()
        self._loop.start()

    async def close(self) -> None:
        """Stop following."""
        await self._loop.close()

    def denies(self, token: AccessToken) -> bool:
        """Say whether a token's session has ended, or its user has lost the rights that it speaks of.

        Raises:
            DatabaseUnavailableError: nothing was loaded yet, so a denied token would not be noticed.
        """
        if not self.is_loaded:
            raise DatabaseUnavailableError
        user = self._entries.get((DenialKind.USER, token.subject))
        lost_rights = user is not None and token.rights_version < user.minimum_rights_version
        return lost_rights or (DenialKind.SESSION, token.session_id) in self._entries

    async def _try_to_refresh(self) -> float:
        try:
            await self._refresh()
            self._is_stale = False
        except DatabaseUnavailableError:
            if not self._is_stale:
                logger.warning("denials not refreshed: the database is away", known=self.size)
            self._is_stale = True
        except Exception:
            # The next time may go better; a missing table makes the service unready by other means.
            logger.exception("denials not refreshed", known=self.size)
        return self._refresh_seconds

    async def _refresh(self) -> None:
        # Asked for first: what commits after this is found again the next time, and nothing in between is missed.
        news = await self._news.since(self._next_transaction or 0)
        dropped_keys = await self._read_changes() if news.has_changed else set()
        await self._forget_keys(dropped_keys - self._forgotten_keys)
        self._next_transaction = news.next_transaction
        age_seconds = news.feed_age_seconds
        self._feed_followed_at = -math.inf if age_seconds is None else time.monotonic() - age_seconds
        self._forget_expired()

    async def _read_changes(self) -> set[UUID]:
        """Take over what has changed; return which keys were dropped."""
        dropped_keys: set[UUID] = set()
        async with self._database.session() as session:
            async for denial in DenialRepository(session).changed_since(self._next_transaction or 0):
                self._take_over(denial)
                if denial.kind == DenialKind.KEY:
                    dropped_keys.add(denial.subject)
            # There is nothing to commit.
            await session.rollback()
        return dropped_keys

    def _take_over(self, denial: Denial) -> None:
        key = (denial.kind, denial.subject)
        expires_at = denial.denied_until.timestamp()
        if expires_at > time.time():
            self._entries[key] = _Entry(denial.minimum_rights_version, expires_at)
        else:
            self._entries.pop(key, None)

    async def _forget_keys(self, key_ids: set[UUID]) -> None:
        for key_id in key_ids:
            await self._forget_key(str(key_id))
            self._forgotten_keys.add(key_id)

    def _forget_expired(self) -> None:
        if time.monotonic() - self._forgotten_expired_at >= FORGET_EXPIRED_SECONDS:
            now = time.time()
            self._entries = {key: entry for key, entry in self._entries.items() if entry.expires_at > now}
            self._forgotten_expired_at = time.monotonic()


async def count_expired_denials(database: Database) -> int:
    """Count the denials whose last token has expired."""
    async with database.session() as session:
        return await DenialRepository(session).count_expired()


async def delete_expired_denials(database: Database) -> int:
    """Delete the denials whose last token has expired, some at a time; return how many there were."""
    count = 0
    while True:
        async with database.session() as session:
            deleted = await DenialRepository(session).delete_expired()
        count += deleted
        if not deleted:
            return count
