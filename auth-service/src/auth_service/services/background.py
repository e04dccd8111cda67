"""Work that goes on after the answer: bounded in number, and with a bounded time to end at shutdown."""

import asyncio
import contextlib
from collections.abc import Coroutine
from typing import Any

import structlog

from service_chassis.errors import ServiceError

MAXIMUM_PIECES = 1000
CLOSING_SECONDS = 5.0

logger = structlog.stdlib.get_logger(__name__)


class BackgroundWork:
    """Pieces of work that nobody waits for; what becomes of them is in the log."""

    def __init__(self, *, maximum_pieces: int = MAXIMUM_PIECES, closing_seconds: float = CLOSING_SECONDS) -> None:
        self._maximum_pieces = maximum_pieces
        self._closing_seconds = closing_seconds
        self._closing = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self, name: str, work: Coroutine[Any, Any, None]) -> None:
        """Begin a piece of work; one too many is dropped, with a line in the log."""
        if len(self._tasks) >= self._maximum_pieces:
            work.close()
            logger.error("background work dropped: too much is waiting", work=name)
            return
        task = asyncio.create_task(_watch(name, work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def pause(self, seconds: float) -> None:
        """Sleep inside a piece of work; shutdown ends the sleep."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._closing.wait(), seconds)

    async def close(self) -> None:
        """Let what has begun come to its end, as long as that takes seconds; cancel the rest."""
        self._closing.set()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._closing_seconds):
                # What is going on may begin more.
                while self._tasks:
                    await asyncio.wait(self._tasks)
        if lost := list(self._tasks):
            logger.error("background work lost at shutdown", pieces=len(lost))
            for task in lost:
                task.cancel()
            await asyncio.gather(*lost, return_exceptions=True)


async def _watch(name: str, work: Coroutine[Any, Any, None]) -> None:
    try:
        await work
    except ServiceError as error:
        logger.error("background work failed", work=name, code=error.code)  # noqa: TRY400  # expected: the code says all
    except Exception:
        logger.exception("background work failed", work=name)
