"""Lets so many work at once, and the others wait, but not for long."""

import asyncio
from collections import deque


class Turns:
    """So many turns, in the order of asking; asyncio's semaphore within a timeout of its takes twice as long."""

    def __init__(self, number: int, *, wait_seconds: float) -> None:
        self._number = number
        self._wait_seconds = wait_seconds
        self._taken = 0
        self._waiting: deque[asyncio.Future[None]] = deque()

    def take_at_once(self) -> bool:
        """Take a turn if there is one; whoever has taken it gives it back."""
        is_free = self._taken < self._number
        self._taken += is_free
        return is_free

    async def take(self) -> None:
        """Return when there is a turn; whoever takes it gives it back.

        Raises:
            TimeoutError: there was none in time.
        """
        if self.take_at_once():
            return
        loop = asyncio.get_running_loop()
        turn: asyncio.Future[None] = loop.create_future()
        self._waiting.append(turn)
        timer = loop.call_later(self._wait_seconds, _refuse, turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled() and turn.exception() is None:
                # It was given just before whoever waited gave up.
                self.give_back()
            raise
        finally:
            timer.cancel()

    def give_back(self) -> None:
        """Give a turn to who has waited longest."""
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                return
        self._taken -= 1


def _refuse(turn: asyncio.Future[None]) -> None:
    if not turn.done():
        turn.set_exception(TimeoutError())
