"""The pytest plugin: one PostgreSQL server per run, one database per service and worker, emptied after each test."""

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from contextlib import ExitStack
from pathlib import Path

import asyncpg
import pytest
from sqlalchemy.engine import make_url

from local_stack.postgres import throw_away_postgres
from service_chassis.settings import ServiceSettings
from service_chassis.testing.databases import EmptyableDatabase
from service_chassis.testing.issuer import TokenIssuer
from service_chassis.testing.kept_connections import KeptConnections, keeping_connections
from service_chassis.testing.shared_statements import treat_dialects_as_equal

_SERVER_URL = "TANDEM_TEST_POSTGRES_URL"
_server = pytest.StashKey[ExitStack]()

NewDatabase = Callable[[str], EmptyableDatabase]


def pytest_configure(config: pytest.Config) -> None:
    """Start the server in the process that every worker of the run is a child of."""
    treat_dialects_as_equal()
    if hasattr(config, "workerinput") or config.option.collectonly:
        return
    config.stash[_server] = ExitStack()
    server = config.stash[_server].enter_context(throw_away_postgres())
    os.environ[_SERVER_URL] = server.url("postgres")
    # It speaks no TLS, and for each connection clients would prepare to.
    os.environ["PGSSLMODE"] = "disable"
    asyncio.run(_hash_the_password_once(server.url("postgres")))


async def _hash_the_password_once(url: str) -> None:
    # Otherwise each of a run's thousands of connections hashes it 4,096 times, on both sides.
    role = make_url(url)
    connection = await asyncpg.connect(url)
    await connection.execute(f"SET scram_iterations = 1; ALTER ROLE {role.username} PASSWORD '{role.password}'")
    await connection.close()


def pytest_unconfigure(config: pytest.Config) -> None:
    """Stop the server when the last worker is gone."""
    if _server in config.stash:
        config.stash[_server].close()


@pytest.fixture(autouse=True)
def _no_settings_of_the_developer(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Keep a developer's `.env` and exported settings out of the tests."""
    monkeypatch.chdir(tmp_path)
    shared = {name.upper() for name in ServiceSettings.model_fields} | {"SECRETS_DIRECTORY"}
    for name in [name for name in os.environ if name.startswith(("AUTH_", "ITEMS_", "OTEL_")) or name in shared]:
        monkeypatch.delenv(name)


@pytest.fixture(scope="session")
async def kept_connections() -> AsyncIterator[KeptConnections]:
    """Keep connections from one test to the next, since all asynchronous tests of a worker run on one event loop."""
    async with keeping_connections() as connections:
        yield connections


@pytest.fixture(scope="session")
def new_empty_database(worker_id: str, kept_connections: KeptConnections) -> NewDatabase:
    """Make a database without tables; pytest-xdist's workers each get their own."""

    def create(package: str) -> EmptyableDatabase:
        server_url = make_url(os.environ[_SERVER_URL])
        url = server_url.set(database=f"{package}_{worker_id}")
        database = EmptyableDatabase(url, package=package, connections=kept_connections)
        database.create()
        return database

    return create


@pytest.fixture(scope="session")
def new_database(new_empty_database: NewDatabase) -> NewDatabase:
    """Make a migrated database for the service whose package is named."""

    def create(package: str) -> EmptyableDatabase:
        database = new_empty_database(package)
        database.migrate()
        return database

    return create


@pytest.fixture(scope="session")
def issuer() -> TokenIssuer:
    """Give an issuer of access tokens with a key of its own."""
    return TokenIssuer()
