"""Work beside the requests begins, repeats, and ends soon."""

import asyncio

from service_chassis.background import BackgroundLoop


async def test_a_step_is_repeated_after_the_pause_that_it_asks_for() -> None:
    pauses = iter([0.0, 0.0, 3600.0])
    steps = 0
    third = asyncio.Event()

    async def step() -> float:
        nonlocal steps
        steps += 1
        if steps == 3:
            third.set()
        return next(pauses)

    loop = BackgroundLoop(step, name="repeat")
    loop.start()
    await asyncio.wait_for(third.wait(), 5)
    await loop.close()

    assert steps == 3


async def test_a_step_under_way_is_allowed_to_end() -> None:
    begun, ended = asyncio.Event(), asyncio.Event()

    async def step() -> float:
        begun.set()
        await asyncio.sleep(0.01)
        ended.set()
        return 0.0

    loop = BackgroundLoop(step, name="end")
    loop.start()
    await begun.wait()
    await loop.close()

    assert ended.is_set()


async def test_a_step_that_does_not_end_is_broken_off() -> None:
    begun, broken_off = asyncio.Event(), asyncio.Event()

    async def step() -> float:
        begun.set()
        try:
            await asyncio.Future()
        finally:
            broken_off.set()
        return 0.0

    loop = BackgroundLoop(step, name="hang")
    loop.start()
    await begun.wait()
    await loop.close()

    assert broken_off.is_set()


async def test_what_was_never_started_can_be_closed() -> None:
    async def step() -> float:
        raise AssertionError

    await BackgroundLoop(step, name="never").close()
