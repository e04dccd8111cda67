"""The service's database away, hanging, restarting: on servers that belong to these tests alone."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager

import asyncpg
import pytest
from pydantic import SecretStr
from sqlalchemy import text

from local_stack.halting import halted
from local_stack.ports import free_port
from local_stack.postgres import PostgresServer
from service_chassis.database import Database
from service_chassis.errors import DatabaseUnavailableError
from service_chassis.settings import ServiceSettings

NewSettings = Callable[..., ServiceSettings]
# The limit is two seconds; the rest is for a machine that is busy with other tests.
IN_TIME_SECONDS = 3.5


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostgresServer]:
    """A server that may be stopped, and that comes back on the same port."""
    with PostgresServer(tmp_path_factory.mktemp("postgres") / "data", durable=False, port=free_port()) as server:
        yield server


@pytest.fixture
async def database(new_settings: NewSettings, server: PostgresServer) -> AsyncIterator[Database]:
    async with database_at(server.url("postgres"), new_settings) as database:
        yield database


@asynccontextmanager
async def database_at(url: str, new_settings: NewSettings) -> AsyncIterator[Database]:
    database = Database(new_settings(database_url=SecretStr(url), database_pool_size=3))
    yield database
    await database.close()


async def query(database: Database, statement: str = "SELECT 1") -> None:
    async with database.session() as session:
        await session.execute(text(statement))


async def seconds_until_unavailable(database: Database, statement: str = "SELECT 1") -> float:
    started_at = time.monotonic()
    with pytest.raises(DatabaseUnavailableError):
        await query(database, statement)
    return time.monotonic() - started_at


@asynccontextmanager
async def silent_server() -> AsyncIterator[int]:
    """Accept connections and never say a word."""
    end = asyncio.Event()

    async def say_nothing(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await end.wait()
        writer.close()

    async with await asyncio.start_server(say_nothing, "127.0.0.1", 0) as listener:
        yield listener.sockets[0].getsockname()[1]
        end.set()


async def test_a_port_where_nobody_listens_is_unavailable_at_once(new_settings: NewSettings) -> None:
    async with database_at(f"postgresql://trial@127.0.0.1:{free_port()}/trial", new_settings) as database:
        assert await seconds_until_unavailable(database) < IN_TIME_SECONDS


async def test_a_name_that_nobody_knows_is_unavailable(new_settings: NewSettings) -> None:
    async with database_at("postgresql://trial@database.invalid/trial", new_settings) as database:
        with pytest.raises(DatabaseUnavailableError):
            await query(database)


async def test_a_server_that_accepts_and_never_answers_is_unavailable_within_two_seconds(
    new_settings: NewSettings,
) -> None:
    async with silent_server() as port, database_at(f"postgresql://t@127.0.0.1:{port}/t", new_settings) as database:
        seconds = await asyncio.gather(*(seconds_until_unavailable(database) for _ in range(10)))

    assert max(seconds) < IN_TIME_SECONDS


async def test_a_server_that_halts_during_a_query_is_unavailable_within_two_seconds(
    server: PostgresServer, database: Database
) -> None:
    await query(database)
    running = asyncio.create_task(seconds_until_unavailable(database, "SELECT pg_sleep(0.5)"))
    await asyncio.sleep(0.1)

    with halted(server):
        seconds = [await running, await seconds_until_unavailable(database)]

    assert max(seconds) < IN_TIME_SECONDS
    await query(database)


async def test_pooled_connections_survive_a_restart_without_an_error(
    server: PostgresServer, database: Database
) -> None:
    await asyncio.gather(*(query(database, "SELECT pg_sleep(0.05)") for _ in range(3)))

    await asyncio.to_thread(server.stop)
    await asyncio.to_thread(server.start)

    await asyncio.gather(*(query(database, "SELECT pg_sleep(0.05)") for _ in range(3)))


async def test_a_stopped_server_is_unavailable_until_it_is_back(server: PostgresServer, database: Database) -> None:
    await query(database)

    await asyncio.to_thread(server.stop)
    try:
        assert await seconds_until_unavailable(database) < IN_TIME_SECONDS
    finally:
        await asyncio.to_thread(server.start)

    await query(database)


async def test_a_connection_that_breaks_inside_a_transaction_is_unavailable(database: Database) -> None:
    with pytest.raises(DatabaseUnavailableError):
        await query(database, "SELECT pg_terminate_backend(pg_backend_pid())")

    await query(database)


async def test_a_server_that_refuses_to_let_us_in_is_unavailable(
    server: PostgresServer, new_settings: NewSettings
) -> None:
    administrator = await asyncpg.connect(server.url("postgres"))
    await administrator.execute("CREATE ROLE crowded LOGIN PASSWORD 'right' CONNECTION LIMIT 0")
    await administrator.close()
    address = server.url("postgres").partition("@")[2]

    for credentials in ("crowded:right", "crowded:wrong", "nobody:wrong"):
        async with database_at(f"postgresql://{credentials}@{address}", new_settings) as database:
            with pytest.raises(DatabaseUnavailableError):
                await query(database)


async def test_a_missing_database_is_unavailable(server: PostgresServer, new_settings: NewSettings) -> None:
    async with database_at(server.url("missing"), new_settings) as database:
        with pytest.raises(DatabaseUnavailableError):
            await query(database)
