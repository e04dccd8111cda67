"""Waiting for what reports nothing by itself: a terminal, a grandchild, a thread."""

import asyncio
from collections.abc import Callable


async def poll_until(claim: Callable[[], bool], *, every_seconds: float) -> None:
    """Return when the claim is true."""
    while True:
        if claim():
            return
        await asyncio.sleep(every_seconds)
