"""Work that goes on beside the requests, one step after another."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

# A statement under way ends by then, and its connection can be given back rather than be broken off.
GRACE_SECONDS = 0.25


class BackgroundLoop:
    """Repeats a step that says how many seconds to pause after it; a step handles its own failures."""

    def __init__(self, step: Callable[[], Awaitable[float]], *, name: str) -> None:
        self._step = step
        self._name = name
        self._stopping = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin with the first step."""
        self._task = asyncio.create_task(self._repeat(), name=self._name)

    async def close(self) -> None:
        """Let the step under way end, and break it off if it doesn't end soon."""
        if self._task is None:
            return
        self._stopping.set()
        await asyncio.wait([self._task], timeout=GRACE_SECONDS)
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def _repeat(self) -> None:
        while not self._stopping.is_set():
            pause_seconds = await self._step()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), pause_seconds)
