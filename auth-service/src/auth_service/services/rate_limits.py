"""Counts what may happen only so often: all replicas together while Redis answers, each process alone while not."""

import asyncio
import math
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import structlog
from limits import RateLimitItem
from limits.aio.storage import MemoryStorage, RedisStorage
from limits.aio.strategies import SlidingWindowCounterRateLimiter
from pydantic import SecretStr

from auth_service.metrics import RATE_LIMITS_SHARED

if TYPE_CHECKING:
    from redis.asyncio import ConnectionPool

# What a request may lose to a Redis that is away.
PATIENCE_SECONDS = 0.05
# How long Redis is left alone after that.
REST_SECONDS = 5.0
EXPIRE_EVERY_SECONDS = 1.0

logger = structlog.stdlib.get_logger(__name__)
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Count:
    """Where a counter stands after an attempt."""

    admitted: bool
    remaining: int
    reset_seconds: int


class _LocalStorage(MemoryStorage):
    """Looks now and then for counters that nobody needs any more, of which there are many while an attack goes on.

    The library looks through all of them with every attempt. What counts does not depend on it: a counter that has
    expired counts nothing, whether it is still there or not.
    """

    def __init__(self, expire_every_seconds: float) -> None:
        super().__init__()
        self._expire_every_seconds = expire_every_seconds
        self._looked_at = -math.inf

    async def _MemoryStorage__schedule_expiry(self) -> None:  # noqa: N802  # the library's private name for it
        now = time.monotonic()
        if now - self._looked_at >= self._expire_every_seconds:
            self._looked_at = now
            await super()._MemoryStorage__schedule_expiry()  # type: ignore[misc]  # as above


class RateLimits:
    """Counters by name, each over a sliding window."""

    def __init__(
        self,
        redis_url: SecretStr | None,
        *,
        patience_seconds: float = PATIENCE_SECONDS,
        rest_seconds: float = REST_SECONDS,
        expire_every_seconds: float = EXPIRE_EVERY_SECONDS,
    ) -> None:
        self._patience_seconds = patience_seconds
        self._rest_seconds = rest_seconds
        self._local = SlidingWindowCounterRateLimiter(_LocalStorage(expire_every_seconds))
        self._pool = (
            None
            if redis_url is None
            else _connection_pool(redis_url.get_secret_value(), patience_seconds=patience_seconds)
        )
        self._shared = None if self._pool is None else SlidingWindowCounterRateLimiter(_storage(self._pool))
        self._rests_until = 0.0

    @property
    def is_shared(self) -> bool:
        """Whether all replicas count together at the moment."""
        return self._shared is not None and time.monotonic() >= self._rests_until

    def read_gauges(self) -> None:
        """Show whether all replicas count together."""
        RATE_LIMITS_SHARED.set(self.is_shared)

    async def admits(self, limit: RateLimitItem, *names: str) -> bool:
        """Count an attempt unless the limit is reached, and say no more than whether it was counted."""
        return await self._with_limiter(lambda limiter: limiter.hit(limit, *names))

    async def count(self, limit: RateLimitItem, *names: str) -> Count:
        """Count an attempt unless the limit is reached."""

        async def count_in(limiter: SlidingWindowCounterRateLimiter) -> Count:
            admitted = await limiter.hit(limit, *names)
            reset_at, remaining = await limiter.get_window_stats(limit, *names)
            # The statistics round: a refusal never says that something remains, or that now is the time.
            return Count(admitted, remaining if admitted else 0, max(1, round(reset_at - time.time())))

        return await self._with_limiter(count_in)

    async def give_back(self, limit: RateLimitItem, *names: str) -> None:
        """Count one attempt less, where any is counted."""

        async def give_back_in(limiter: SlidingWindowCounterRateLimiter) -> None:
            _, remaining = await limiter.get_window_stats(limit, *names)
            if remaining < limit.amount:
                # The library can't take a hit back; one that costs less than nothing does it, in one step as any hit.
                await limiter.hit(limit, *names, cost=-1)

        await self._with_limiter(give_back_in)

    async def forget(self, limit: RateLimitItem, *names: str) -> None:
        """Begin to count anew."""
        await self._with_limiter(lambda limiter: limiter.clear(limit, *names))

    async def close(self) -> None:
        """Close every connection."""
        if self._pool is not None:
            await self._pool.aclose()

    async def _with_limiter(self, work: Callable[[SlidingWindowCounterRateLimiter], Awaitable[Result]]) -> Result:
        if self._shared is None or not self.is_shared:
            return await work(self._local)
        from redis.exceptions import RedisError

        was_resting = self._rests_until > 0
        try:
            async with asyncio.timeout(self._patience_seconds):
                result = await work(self._shared)
        except (RedisError, OSError) as error:
            self._rests_until = time.monotonic() + self._rest_seconds
            if not was_resting:
                logger.warning("rate limits count per process: Redis is away", reason=type(error).__name__)
            return await work(self._local)
        if was_resting:
            self._rests_until = 0.0
            logger.info("rate limits are shared again")
        return result


def _connection_pool(url: str, *, patience_seconds: float) -> "ConnectionPool":
    # The client takes a twentieth of the start, and a process without REDIS_URL needs none of it.
    from redis.asyncio import ConnectionPool
    from redis.asyncio.retry import Retry
    from redis.backoff import NoBackoff

    # Valkey speaks Redis' protocol, and the client knows Redis' name for it only.
    return ConnectionPool.from_url(
        url.replace("valkey", "redis", 1) if url.startswith("valkey") else url,
        socket_timeout=patience_seconds,
        socket_connect_timeout=patience_seconds,
        retry=Retry(NoBackoff(), 0),
    )


def _storage(pool: "ConnectionPool") -> RedisStorage:
    # The URL that the storage wants is the pool's business; `Any`, since its options are typed as plain values.
    options: dict[str, Any] = {"connection_pool": pool}
    return RedisStorage("async+redis://", implementation="redispy", key_prefix="tandem", **options)
