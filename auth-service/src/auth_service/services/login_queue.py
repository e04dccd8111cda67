"""Lets a few logins in at a time, so that a storm of them leaves the process to everybody else."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from auth_service.errors import PasswordHashingBusyError, TooManyAttemptsError
from auth_service.metrics import LOGINS, PASSWORD_HASH_REFUSALS

# Enough to keep the hashing threads busy while others read or write; more would only take turns from other requests.
AT_ONCE = 8
# With two threads and 25 ms a hash, the last of them waits for about a second.
MAXIMUM_WAITING = 64


class LoginQueue:
    """Who waits in it costs nothing meanwhile; who finds it full is refused at once."""

    def __init__(self) -> None:
        self._turns = asyncio.Semaphore(AT_ONCE)
        self._inside = 0

    @property
    def waiting_count(self) -> int:
        """How many logins wait for their turn."""
        return max(self._inside - AT_ONCE, 0)

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Wait for a turn, and keep it until the block ends; a login that gets nowhere is counted here.

        Raises:
            PasswordHashingBusyError: too many wait already.
        """
        try:
            self._refuse_one_too_many()
            self._inside += 1
            try:
                async with self._turns:
                    yield
            finally:
                self._inside -= 1
        except TooManyAttemptsError:
            LOGINS.labels("throttled").inc()
            raise
        except PasswordHashingBusyError:
            LOGINS.labels("busy").inc()
            raise

    def _refuse_one_too_many(self) -> None:
        if self._inside >= AT_ONCE + MAXIMUM_WAITING:
            PASSWORD_HASH_REFUSALS.inc()
            raise PasswordHashingBusyError
