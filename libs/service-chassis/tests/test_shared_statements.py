"""Who waits for the same thing shares a statement, and no failure of somebody else."""

import asyncio
from collections.abc import Mapping

from service_chassis.errors import DatabaseUnavailableError
from service_chassis.shared_statements import SharedStatements


class Shelf:
    """What is shared: numbers and their squares; each fetch may be held."""

    def __init__(self) -> None:
        self.fetched: list[list[int]] = []
        self.may_answer = asyncio.Event()
        self.fails = False
        self.refused: int | None = None

    async def fetch(self, keys: list[int]) -> Mapping[int, int]:
        self.fetched.append(keys)
        await self.may_answer.wait()
        if self.fails:
            raise DatabaseUnavailableError
        if self.refused in keys:
            raise ValueError(f"{self.refused} is refused")
        return {key: key * key for key in keys if key >= 0}


async def begin(statements: SharedStatements[int, int], *keys: int) -> list[asyncio.Task[int | None]]:
    tasks = [asyncio.create_task(statements.ask(key)) for key in keys]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    return tasks


async def test_what_is_asked_for_meanwhile_shares_the_next_statement() -> None:
    shelf = Shelf()
    statements = SharedStatements(shelf.fetch, size=3)

    first = await begin(statements, 1)
    meanwhile = await begin(statements, 2, 3, -1)
    shelf.may_answer.set()

    assert await asyncio.gather(*first, *meanwhile) == [1, 4, 9, None]
    assert shelf.fetched == [[1], [2, 3, -1]]


async def test_the_same_key_is_asked_for_anew_by_whoever_comes_later() -> None:
    shelf = Shelf()
    statements = SharedStatements(shelf.fetch, size=3)

    first = await begin(statements, 1)
    second = await begin(statements, 1)
    shelf.may_answer.set()
    await asyncio.gather(*first, *second)

    assert shelf.fetched == [[1], [1]]


async def test_a_statement_is_for_so_many_at_most() -> None:
    shelf = Shelf()
    statements = SharedStatements(shelf.fetch, size=3)
    shelf.may_answer.set()

    answers = await asyncio.gather(*(statements.ask(key) for key in range(7)))

    assert answers == [key * key for key in range(7)]
    assert shelf.fetched == [[0, 1, 2], [3, 4, 5], [6]]


async def test_so_many_statements_are_under_way_at_once() -> None:
    shelf = Shelf()
    statements = SharedStatements(shelf.fetch, size=3, at_once=2)

    under_way = [*await begin(statements, 1, 2), *await begin(statements, 3)]
    waiting = await begin(statements, 4, 5)
    shelf.may_answer.set()
    await asyncio.gather(*under_way, *waiting)

    assert shelf.fetched == [[1, 2], [3], [4, 5]]


async def test_who_hangs_up_takes_nobody_along() -> None:
    shelf = Shelf()
    statements = SharedStatements(shelf.fetch, size=3)

    leaver, stayer = await begin(statements, 1, 2)
    leaver.cancel()
    shelf.may_answer.set()

    assert await stayer == 4


async def test_nothing_is_sent_for_nobody() -> None:
    shelf = Shelf()
    statements = SharedStatements(shelf.fetch, size=3)

    first = await begin(statements, 1)
    (leaver,) = await begin(statements, 2)
    leaver.cancel()
    shelf.may_answer.set()
    await asyncio.gather(*first)

    assert await statements.ask(3) == 9
    assert shelf.fetched == [[1], [3]]


async def test_a_failure_is_everybodys_who_shared_it_and_nobody_elses() -> None:
    shelf = Shelf()
    statements = SharedStatements(shelf.fetch, size=3)

    shelf.fails = True
    sharing = await begin(statements, 1, 2)
    shelf.may_answer.set()
    results = await asyncio.gather(*sharing, return_exceptions=True)
    shelf.fails = False

    assert [type(result) for result in results] == [DatabaseUnavailableError] * 2
    assert await statements.ask(3) == 9


async def test_what_is_refused_is_the_failure_of_whoever_asked_for_it() -> None:
    shelf = Shelf()
    statements = SharedStatements(shelf.fetch, size=3)
    shelf.refused = 2
    shelf.may_answer.set()

    results = await asyncio.gather(*(statements.ask(key) for key in (1, 2, 3)), return_exceptions=True)

    assert (results[0], type(results[1]), results[2]) == (1, ValueError, 9)
    assert shelf.fetched == [[1, 2, 3], [1], [2], [3]]


async def test_who_waits_too_long_for_a_statement_to_begin_is_refused_and_nobody_after() -> None:
    shelf = Shelf()
    statements = SharedStatements(shelf.fetch, size=3, wait_seconds=0.05)

    under_way = await begin(statements, 1)
    too_long = await begin(statements, 2, 3)
    await asyncio.sleep(0.1)
    just_now = await begin(statements, 4)
    shelf.may_answer.set()
    results = await asyncio.gather(*under_way, *too_long, *just_now, return_exceptions=True)

    assert [type(result) for result in results] == [int, DatabaseUnavailableError, DatabaseUnavailableError, int]
    assert shelf.fetched == [[1], [4]]
