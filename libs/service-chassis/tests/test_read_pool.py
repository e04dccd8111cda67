"""Reads without a session: shared while they wait, bounded when the server hangs, well again when it is back."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping

import pytest
from pydantic import SecretStr
from sqlalchemy import Integer, bindparam, column, select, text

from service_chassis.errors import DatabaseUnavailableError
from service_chassis.read_pool import MAXIMUM_CONNECTIONS, ReadPool, ReadStatement, SharedReads
from service_chassis.settings import ServiceSettings
from service_chassis.testing.door import Door

NewSettings = Callable[..., ServiceSettings]

NUMBER = ReadStatement(select(bindparam("number", type_=Integer).label("number")))
SLEEP = ReadStatement(select(column("pg_sleep")).select_from(text("pg_sleep(0.2)")))


@pytest.fixture
async def door(database_url: SecretStr) -> AsyncIterator[Door]:
    door = Door(database_url)
    await door.open()
    yield door
    await door.shut()


@pytest.fixture
async def pool(new_settings: NewSettings, door: Door) -> AsyncIterator[ReadPool]:
    pool = ReadPool(new_settings(database_url=door.url))
    yield pool
    await pool.close()


async def number_from(pool: ReadPool) -> int:
    [row] = await pool.fetch(NUMBER, number=7)
    number: int = row.number
    return number


async def test_columns_are_attributes(pool: ReadPool) -> None:
    [row] = await pool.fetch(NUMBER, number=7)

    assert row.number == 7
    assert not hasattr(row, "another")


async def test_reads_beyond_the_connections_wait_for_them(pool: ReadPool) -> None:
    answers = await asyncio.gather(*(number_from(pool) for _ in range(3 * MAXIMUM_CONNECTIONS)))

    assert answers == [7] * 3 * MAXIMUM_CONNECTIONS


async def test_a_read_that_gets_no_connection_in_time_is_unavailable(pool: ReadPool) -> None:
    long_reads = [asyncio.create_task(pool.fetch(SLEEP)) for _ in range(5 * MAXIMUM_CONNECTIONS)]

    results = await asyncio.gather(*long_reads, return_exceptions=True)

    assert any(isinstance(result, DatabaseUnavailableError) for result in results)
    assert await number_from(pool) == 7


async def test_a_server_that_hangs_is_given_up_in_time(pool: ReadPool, door: Door) -> None:
    await number_from(pool)
    door.hold()
    started_at = time.monotonic()

    with pytest.raises(DatabaseUnavailableError):
        await number_from(pool)

    assert time.monotonic() - started_at < 3
    await door.open()
    assert await number_from(pool) == 7


async def test_a_server_that_is_away_is_unavailable_until_it_is_back(pool: ReadPool, door: Door) -> None:
    await number_from(pool)
    await door.shut()

    with pytest.raises(DatabaseUnavailableError):
        await number_from(pool)

    await door.open()
    assert await number_from(pool) == 7


class Shelf:
    """What is shared: numbers and their squares; each fetch may be held."""

    def __init__(self) -> None:
        self.fetched: list[list[int]] = []
        self.may_answer = asyncio.Event()
        self.fails = False

    async def fetch(self, keys: list[int]) -> Mapping[int, int]:
        self.fetched.append(keys)
        await self.may_answer.wait()
        if self.fails:
            raise DatabaseUnavailableError
        return {key: key * key for key in keys if key >= 0}


async def begin(reads: SharedReads[int, int], *keys: int) -> list[asyncio.Task[int | None]]:
    tasks = [asyncio.create_task(reads.find(key)) for key in keys]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    return tasks


async def test_what_is_asked_for_meanwhile_shares_the_next_statement() -> None:
    shelf = Shelf()
    reads = SharedReads(shelf.fetch)

    first = await begin(reads, 1)
    meanwhile = await begin(reads, 2, 3, -1)
    shelf.may_answer.set()

    assert await asyncio.gather(*first, *meanwhile) == [1, 4, 9, None]
    assert shelf.fetched == [[1], [2, 3, -1]]


async def test_the_same_key_is_asked_for_anew_by_whoever_comes_later() -> None:
    shelf = Shelf()
    reads = SharedReads(shelf.fetch)

    first = await begin(reads, 1)
    second = await begin(reads, 1)
    shelf.may_answer.set()
    await asyncio.gather(*first, *second)

    assert shelf.fetched == [[1], [1]]


async def test_who_hangs_up_takes_nobody_along() -> None:
    shelf = Shelf()
    reads = SharedReads(shelf.fetch)

    leaver, stayer = await begin(reads, 1, 2)
    leaver.cancel()
    shelf.may_answer.set()

    assert await stayer == 4


async def test_a_failure_is_everybodys_who_shared_it_and_nobody_elses() -> None:
    shelf = Shelf()
    reads = SharedReads(shelf.fetch)

    shelf.fails = True
    sharing = await begin(reads, 1, 2)
    shelf.may_answer.set()
    results = await asyncio.gather(*sharing, return_exceptions=True)
    shelf.fails = False

    assert [type(result) for result in results] == [DatabaseUnavailableError] * 2
    assert await reads.find(3) == 9
