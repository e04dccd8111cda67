"""Turns are given in order, to whoever still waits, and none is lost."""

import asyncio

import pytest

from service_chassis.turns import Turns


async def asking(turns: Turns, *, count: int) -> list[asyncio.Task[None]]:
    """Begin to ask for so many turns."""
    tasks = [asyncio.create_task(turns.take()) for _ in range(count)]
    await asyncio.sleep(0)
    return tasks


async def test_so_many_turns_are_given_at_once() -> None:
    turns = Turns(2, wait_seconds=10)

    first, second, third = await asking(turns, count=3)
    await asyncio.gather(first, second)

    assert not third.done()
    turns.give_back()
    await third


async def test_a_turn_that_is_free_is_taken_without_waiting() -> None:
    turns = Turns(1, wait_seconds=10)

    assert [turns.take_at_once(), turns.take_at_once()] == [True, False]
    turns.give_back()
    assert turns.take_at_once()


async def test_who_has_waited_longest_is_next() -> None:
    turns = Turns(1, wait_seconds=10)
    first, second, third = await asking(turns, count=3)
    await first

    turns.give_back()
    await second

    assert not third.done()
    turns.give_back()
    await third


async def test_who_waits_too_long_is_refused_and_skipped() -> None:
    turns = Turns(1, wait_seconds=0.01)
    first, second = await asking(turns, count=2)
    await first

    with pytest.raises(TimeoutError):
        await second

    turns.give_back()
    await turns.take()


@pytest.mark.parametrize("is_given_before", [True, False])
async def test_who_gives_up_loses_no_turn(*, is_given_before: bool) -> None:
    turns = Turns(1, wait_seconds=10)
    first, second, third = await asking(turns, count=3)
    await first

    if is_given_before:
        turns.give_back()
    second.cancel()
    with pytest.raises(asyncio.CancelledError):
        await second
    if not is_given_before:
        turns.give_back()

    await third
