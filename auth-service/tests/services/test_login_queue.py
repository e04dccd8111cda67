"""The queue of logins: a few at a time, a bounded number waiting, the surplus refused."""

import asyncio
from contextlib import AsyncExitStack

import pytest

from auth_service.errors import PasswordHashingBusyError
from auth_service.services.login_queue import AT_ONCE, MAXIMUM_WAITING, LoginQueue


async def fill(queue: LoginQueue, *, logins: int, let_go: asyncio.Event) -> tuple[list[asyncio.Task[None]], list[int]]:
    entered: list[int] = []

    async def log_in(number: int) -> None:
        async with queue.turn():
            entered.append(number)
            await let_go.wait()

    tasks = [asyncio.create_task(log_in(number)) for number in range(logins)]
    await asyncio.sleep(0)
    return tasks, entered


async def test_a_few_have_their_turn_at_once_and_the_others_wait_in_order() -> None:
    let_go = asyncio.Event()
    tasks, entered = await fill(LoginQueue(), logins=AT_ONCE + 3, let_go=let_go)
    at_first = list(entered)

    let_go.set()
    await asyncio.gather(*tasks)

    assert at_first == list(range(AT_ONCE))
    assert entered == list(range(AT_ONCE + 3))


async def test_who_finds_the_queue_full_is_refused_at_once() -> None:
    queue, let_go = LoginQueue(), asyncio.Event()
    tasks, _ = await fill(queue, logins=AT_ONCE + MAXIMUM_WAITING, let_go=let_go)

    async with AsyncExitStack() as stack:
        with pytest.raises(PasswordHashingBusyError):
            await stack.enter_async_context(queue.turn())

    let_go.set()
    await asyncio.gather(*tasks)


async def test_the_place_of_a_client_that_hung_up_is_free_again() -> None:
    queue, let_go = LoginQueue(), asyncio.Event()
    tasks, _ = await fill(queue, logins=AT_ONCE + MAXIMUM_WAITING, let_go=let_go)

    tasks[-1].cancel()
    await asyncio.gather(tasks[-1], return_exceptions=True)
    more, _ = await fill(queue, logins=1, let_go=let_go)
    let_go.set()

    await asyncio.gather(*tasks[:-1], *more)
