"""Measures how late the event loop comes to what is due: by so much does every request wait."""

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager

from prometheus_client import Histogram

LOOK_SECONDS = 0.25

LAG = Histogram(
    "tandem_event_loop_lag_seconds",
    "How late the event loop came to what was due, four times a second.",
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5),
)


@contextmanager
def measured_event_loop() -> Iterator[None]:
    """Observe the lag of the running event loop while a block lasts."""
    loop = asyncio.get_running_loop()
    timer: asyncio.TimerHandle

    def look(due_at: float) -> None:
        nonlocal timer
        now = time.monotonic()
        LAG.observe(max(0.0, now - due_at))
        timer = loop.call_later(LOOK_SECONDS, look, now + LOOK_SECONDS)

    timer = loop.call_later(LOOK_SECONDS, look, time.monotonic() + LOOK_SECONDS)
    try:
        yield
    finally:
        timer.cancel()
