import asyncio
import time
from collections.abc import Callable

from fastapi import FastAPI

from service_chassis.event_loop_lag import LOOK_SECONDS
from service_chassis.testing.clients import running_client
from service_chassis.testing.metrics import rise_of

TOTAL = "tandem_event_loop_lag_seconds_sum"


async def test_what_blocks_the_event_loop_shows_in_how_late_it_is(new_app: Callable[..., FastAPI]) -> None:
    async with running_client(new_app()):
        with rise_of(TOTAL) as lag:
            time.sleep(2 * LOOK_SECONDS)  # noqa: ASYNC251  # what nobody should do
            await asyncio.sleep(0.01)

    # The next look was due within the first half.
    assert lag.by >= LOOK_SECONDS - 0.01
