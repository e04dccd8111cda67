"""Single statements: bounded when the server hangs, well again when it is back."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable

import pytest
from pydantic import SecretStr
from sqlalchemy import Integer, bindparam, column, select, text

from service_chassis.errors import DatabaseUnavailableError
from service_chassis.settings import ServiceSettings
from service_chassis.statement_pool import MAXIMUM_CONNECTIONS, Statement, StatementPool
from service_chassis.testing.door import Door

NewSettings = Callable[..., ServiceSettings]

NUMBER = Statement(select(bindparam("number", type_=Integer).label("number")))
SLEEP = Statement(select(column("pg_sleep")).select_from(text("pg_sleep(0.2)")))


@pytest.fixture
async def door(database_url: SecretStr) -> AsyncIterator[Door]:
    door = Door(database_url)
    await door.open()
    yield door
    await door.shut()


@pytest.fixture
async def pool(new_settings: NewSettings, door: Door) -> AsyncIterator[StatementPool]:
    pool = StatementPool(new_settings(database_url=door.url))
    yield pool
    await pool.close()


async def number_from(pool: StatementPool) -> int:
    [row] = await pool.fetch(NUMBER, number=7)
    number: int = row.number
    return number


async def test_columns_are_attributes(pool: StatementPool) -> None:
    [row] = await pool.fetch(NUMBER, number=7)

    assert row.number == 7
    assert not hasattr(row, "another")


async def test_reads_beyond_the_connections_wait_for_them(pool: StatementPool) -> None:
    answers = await asyncio.gather(*(number_from(pool) for _ in range(3 * MAXIMUM_CONNECTIONS)))

    assert answers == [7] * 3 * MAXIMUM_CONNECTIONS


async def test_a_read_that_gets_no_connection_in_time_is_unavailable(pool: StatementPool) -> None:
    long_reads = [asyncio.create_task(pool.fetch(SLEEP)) for _ in range(5 * MAXIMUM_CONNECTIONS)]

    results = await asyncio.gather(*long_reads, return_exceptions=True)

    assert any(isinstance(result, DatabaseUnavailableError) for result in results)
    assert await number_from(pool) == 7


async def test_a_server_that_hangs_is_given_up_in_time(pool: StatementPool, door: Door) -> None:
    await number_from(pool)
    door.hold()
    started_at = time.monotonic()

    with pytest.raises(DatabaseUnavailableError):
        await number_from(pool)

    assert time.monotonic() - started_at < 5
    await door.open()
    assert await number_from(pool) == 7


async def test_a_server_that_is_away_is_unavailable_until_it_is_back(pool: StatementPool, door: Door) -> None:
    await number_from(pool)
    await door.shut()

    with pytest.raises(DatabaseUnavailableError):
        await number_from(pool)

    await door.open()
    assert await number_from(pool) == 7


async def test_connections_that_were_lost_while_idle_take_no_place(pool: StatementPool, door: Door) -> None:
    for _ in range(MAXIMUM_CONNECTIONS + 1):
        assert await number_from(pool) == 7
        await door.shut()
        await door.open()
        # Until the loop has seen that they are closed.
        await asyncio.sleep(0.02)

    assert pool.connections().used == 0


async def test_who_waits_for_a_connection_is_broken_off_when_the_pool_closes(pool: StatementPool, door: Door) -> None:
    door.hold()
    reading = asyncio.create_task(number_from(pool))
    await asyncio.sleep(0.05)
    await pool.close()
    await door.open()

    with pytest.raises(DatabaseUnavailableError):
        await reading
