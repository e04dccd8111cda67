import asyncio
from collections.abc import AsyncIterator, Callable

import pytest
from pydantic import SecretStr
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, IntegrityError, ProgrammingError

from service_chassis.database import Database, is_unavailable
from service_chassis.errors import DatabaseUnavailableError
from service_chassis.settings import ServiceSettings

NewSettings = Callable[..., ServiceSettings]


@pytest.fixture
async def database(new_settings: NewSettings, database_url: SecretStr) -> AsyncIterator[Database]:
    """A database of one connection, with one table."""
    database = Database(new_settings(database_url=database_url, database_pool_size=1))
    await execute(database, "CREATE TABLE notes (id integer PRIMARY KEY)")
    yield database
    await execute(database, "DROP TABLE notes")
    await database.close()


async def execute(database: Database, statement: str) -> None:
    async with database.session() as session:
        await session.execute(text(statement))


async def count_notes(database: Database) -> int:
    async with database.session() as session:
        count: int = (await session.execute(text("SELECT count(*) FROM notes"))).scalar_one()
        return count


async def server_process(database: Database) -> int:
    async with database.session() as session:
        process: int = (await session.execute(text("SELECT pg_backend_pid()"))).scalar_one()
        return process


async def test_a_block_that_ends_commits(database: Database) -> None:
    await execute(database, "INSERT INTO notes VALUES (1)")

    assert await count_notes(database) == 1


async def test_a_block_that_raises_rolls_back(database: Database) -> None:
    async def insert_and_fail() -> None:
        async with database.session() as session:
            await session.execute(text("INSERT INTO notes VALUES (1)"))
            raise LookupError

    with pytest.raises(LookupError):
        await insert_and_fail()

    assert await count_notes(database) == 0


async def test_what_was_committed_before_an_error_stays(database: Database) -> None:
    async def commit_and_fail() -> None:
        async with database.session() as session:
            await session.execute(text("INSERT INTO notes VALUES (1)"))
            await session.commit()
            await session.execute(text("INSERT INTO notes VALUES (2)"))
            raise LookupError

    with pytest.raises(LookupError):
        await commit_and_fail()

    assert await count_notes(database) == 1


async def test_a_block_that_is_cancelled_rolls_back_and_gives_its_connection_back(database: Database) -> None:
    inserted = asyncio.Event()

    async def insert_and_wait() -> None:
        async with database.session() as session:
            await session.execute(text("INSERT INTO notes VALUES (1)"))
            inserted.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(insert_and_wait())
    await inserted.wait()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)

    assert await count_notes(database) == 0


@pytest.mark.parametrize("statement", ["SELECT 1", "SELECT 1/0", "SELECT pg_terminate_backend(pg_backend_pid())"])
async def test_a_connection_is_given_back_however_its_block_ends(database: Database, statement: str) -> None:
    for _ in range(3):
        await asyncio.gather(execute(database, statement), return_exceptions=True)

    assert await count_notes(database) == 0


async def test_an_exhausted_pool_is_unavailable_within_two_seconds(database: Database) -> None:
    async with database.session() as holder:
        await holder.execute(text("SELECT 1"))

        with pytest.raises(DatabaseUnavailableError):
            async with asyncio.timeout(2):
                await count_notes(database)


async def test_a_statement_that_takes_too_long_is_unavailable_and_costs_no_connection(database: Database) -> None:
    process = await server_process(database)

    with pytest.raises(DatabaseUnavailableError):
        async with asyncio.timeout(2):
            await execute(database, "SELECT pg_sleep(10)")

    assert await server_process(database) == process


async def test_the_server_ends_a_transaction_in_which_nothing_happens_any_more(database: Database) -> None:
    async with database.session() as session:
        assert await session.scalar(text("SELECT current_setting('idle_in_transaction_session_timeout')")) == "10s"

    async def pause_too_long() -> None:
        async with database.session() as session:
            await session.execute(text("SET LOCAL idle_in_transaction_session_timeout = '10ms'"))
            await session.execute(text("INSERT INTO notes VALUES (1)"))
            await asyncio.sleep(0.1)
            await session.execute(text("INSERT INTO notes VALUES (2)"))

    with pytest.raises(DatabaseUnavailableError):
        await pause_too_long()
    assert await count_notes(database) == 0


@pytest.mark.parametrize(
    ("statement", "error"),
    [
        ("SELEC 1", ProgrammingError),
        ("SELECT * FROM nowhere", ProgrammingError),
        ("INSERT INTO notes VALUES (1), (1)", IntegrityError),
        ("SELECT 1/0", DBAPIError),
    ],
)
async def test_a_wrong_statement_is_not_unavailable(database: Database, statement: str, error: type[Exception]) -> None:
    with pytest.raises(error):
        await execute(database, statement)


async def test_errors_do_not_show_parameters(database: Database) -> None:
    statement = text("SELECT 1 / (length(:secret) - 9)")

    async with database.engine.connect() as connection:
        with pytest.raises(DBAPIError) as raised:
            await connection.execute(statement, {"secret": "tr0ub4dor"})

    assert "SELECT 1 / (length" in str(raised.value)
    assert "tr0ub4dor" not in str(raised.value)


async def sqlstate_is_unavailable(database: Database, sqlstate: str) -> bool:
    statement = f"DO $$ BEGIN RAISE EXCEPTION 'trial' USING ERRCODE = '{sqlstate}'; END $$"
    async with database.engine.connect() as connection:
        try:
            await connection.execute(text(statement))
        except DBAPIError as error:
            return is_unavailable(error)
    raise AssertionError(sqlstate)


@pytest.mark.parametrize(
    "sqlstate",
    [
        pytest.param("08006", id="connection failure"),
        pytest.param("25006", id="read-only after a fail-over"),
        pytest.param("28P01", id="wrong password"),
        pytest.param("3D000", id="no such database"),
        pytest.param("40001", id="serialization failure"),
        pytest.param("40P01", id="deadlock"),
        pytest.param("53100", id="disk full"),
        pytest.param("53300", id="too many connections"),
        pytest.param("57014", id="statement timeout"),
        pytest.param("57P01", id="server shuts down"),
        pytest.param("57P03", id="server starts up"),
    ],
)
async def test_a_failure_of_the_server_is_unavailable(database: Database, sqlstate: str) -> None:
    assert await sqlstate_is_unavailable(database, sqlstate)


@pytest.mark.parametrize("sqlstate", ["22012", "23505", "25001", "42601", "42P01", "55P03", "P0001", "XX000"])
async def test_a_failure_of_the_statement_is_not_unavailable(database: Database, sqlstate: str) -> None:
    assert not await sqlstate_is_unavailable(database, sqlstate)


@pytest.mark.parametrize("error", [ValueError(), RuntimeError()])
def test_a_failure_of_our_own_is_not_unavailable(error: Exception) -> None:
    assert not is_unavailable(error)


async def test_a_connection_says_which_service_it_belongs_to(database: Database) -> None:
    async with database.session() as session:
        name = await session.scalar(text("SELECT current_setting('application_name')"))

    assert name == "trial-service"
