"""What is measured of a real database and its pool."""

import asyncio
from collections.abc import AsyncIterator, Callable
from functools import partial
from typing import Any

import pytest
from pydantic import SecretStr
from sqlalchemy import literal, select, text
from sqlalchemy.exc import ProgrammingError

from service_chassis.database import Database
from service_chassis.database_metrics import show_connections
from service_chassis.errors import DatabaseUnavailableError
from service_chassis.metrics import Gauges
from service_chassis.settings import ServiceSettings
from service_chassis.statement_pool import Statement, StatementPool
from service_chassis.testing.metrics import metric, rise_of

STATEMENTS = "db_client_operation_duration_seconds_count"
WAITS = "db_client_connection_wait_time_seconds_count"


@pytest.fixture
async def database(database_url: SecretStr, new_settings: Callable[..., ServiceSettings]) -> AsyncIterator[Database]:
    database = Database(new_settings(database_url=database_url, database_pool_size=2))
    gauges = Gauges(partial(show_connections, database))
    gauges.start()
    yield database
    gauges.close()
    await database.close()


def connections() -> dict[str, float]:
    return {state: metric("db_client_connection_count", state=state) for state in ("used", "idle")}


async def test_connections_are_shown_as_they_are(database: Database) -> None:
    before = connections()
    async with database.session() as session:
        await session.execute(text("SELECT 1"))
        meanwhile = connections()

    assert before == {"used": 0, "idle": 0}
    assert meanwhile == {"used": 1, "idle": 0}
    assert connections() == {"used": 0, "idle": 1}
    assert metric("db_client_connection_max") == 2


async def test_a_pool_of_ours_tells_no_more_in_the_log_than_sqlalchemys_own(
    logged: Callable[[], list[dict[str, Any]]], database_url: SecretStr, new_settings: Callable[..., ServiceSettings]
) -> None:
    database = Database(new_settings(database_url=database_url))

    await database.schema_revision()
    await database.close()

    assert logged() == []


async def test_who_waits_for_a_connection_is_shown_and_who_waited_in_vain_is_counted(database: Database) -> None:
    with rise_of("db_client_connection_timeouts_total") as timeouts, rise_of(WAITS) as waits:
        async with database.engine.connect(), database.engine.connect():
            waiting = [asyncio.create_task(database.schema_revision()) for _ in range(3)]
            await asyncio.sleep(0.05)
            pending = metric("db_client_connection_pending_requests")
            waiting[0].cancel()
            results = await asyncio.gather(*waiting, return_exceptions=True)

    assert pending == 3
    assert [type(result) for result in results[1:]] == 2 * [DatabaseUnavailableError]
    assert (timeouts.by, waits.by) == (2, 5)
    assert metric("db_client_connection_pending_requests") == 0


@pytest.mark.parametrize(
    ("statement", "operation"),
    [
        ("SELECT 1", "SELECT"),
        ("\n  insert into bells values (1)", "INSERT"),
        ("UPDATE bells SET number = 2", "UPDATE"),
        ("DELETE FROM bells", "DELETE"),
        ("WITH one AS (SELECT 1) SELECT * FROM one", "_OTHER"),
    ],
)
async def test_statements_are_timed_by_what_they_do(database: Database, statement: str, operation: str) -> None:
    async with database.engine.begin() as connection:
        await connection.execute(text("CREATE TEMPORARY TABLE bells (number int) ON COMMIT DROP"))
        with rise_of(STATEMENTS) as all_statements, rise_of(STATEMENTS, db_operation_name=operation) as those:
            await connection.execute(text(statement))

    assert (all_statements.by, those.by) == (1, 1)


async def test_a_statement_takes_as_long_as_it_takes(database: Database) -> None:
    with rise_of("db_client_operation_duration_seconds_sum", db_operation_name="SELECT") as seconds:
        async with database.session() as session:
            await session.execute(text("SELECT pg_sleep(0.05)"))

    assert seconds.by >= 0.05


async def test_a_statement_that_fails_is_timed_as_well(database: Database) -> None:
    with rise_of(STATEMENTS, db_operation_name="SELECT") as statements:
        async with database.engine.connect() as connection:
            with pytest.raises(ProgrammingError):
                await connection.execute(text("SELECT nothing FROM nowhere"))

    assert statements.by == 1


async def test_the_pool_of_single_statements_is_measured_like_the_other(
    database: Database, database_url: SecretStr, new_settings: Callable[..., ServiceSettings]
) -> None:
    reads = StatementPool(new_settings(database_url=database_url))
    gauges = Gauges(partial(show_connections, database, reads))
    gauges.start()
    statement = Statement(select(literal(1)))
    with rise_of(STATEMENTS, db_operation_name="SELECT") as statements, rise_of(WAITS) as waits:
        async with database.engine.connect():
            await reads.fetch(statement)
            meanwhile, maximum = connections(), metric("db_client_connection_max")
    gauges.close()
    await reads.close()

    assert (meanwhile, maximum) == ({"used": 1, "idle": 1}, 10)
    assert (statements.by, waits.by) == (1, 2)
