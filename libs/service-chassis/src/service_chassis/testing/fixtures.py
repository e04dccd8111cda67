"""Fixtures of both services and the library: one database per service and worker, emptied after each test."""

import os
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy.engine import make_url

from service_chassis.settings import ServiceSettings
from service_chassis.testing.databases import EmptyableDatabase
from service_chassis.testing.issuer import TokenIssuer
from service_chassis.testing.kept_connections import KeptConnections, keeping_connections
from service_chassis.testing.plugin import SERVER_URL
from service_chassis.testing.shared_statements import treat_dialects_as_equal

NewDatabase = Callable[[str], EmptyableDatabase]


def pytest_configure() -> None:
    """Let all applications of this process share statements."""
    treat_dialects_as_equal()


@pytest.fixture(scope="session")
def empty_directory(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Give a directory to all tests, since one for each takes 3 ms; they leave it empty, or it can't be removed."""
    directory = tmp_path_factory.mktemp("empty")
    yield directory
    directory.rmdir()


@pytest.fixture(autouse=True)
def _no_settings_of_the_developer(monkeypatch: pytest.MonkeyPatch, empty_directory: Path) -> None:
    """Keep a developer's `.env` and exported settings out of the tests."""
    monkeypatch.chdir(empty_directory)
    shared = {name.upper() for name in ServiceSettings.model_fields} | {"SECRETS_DIRECTORY"}
    for name in [name for name in os.environ if name.startswith(("AUTH_", "ITEMS_", "OTEL_")) or name in shared]:
        monkeypatch.delenv(name)


@pytest.fixture
def in_own_directory(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Run a test that reads or writes beside itself in a directory of its own."""
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="session")
async def kept_connections() -> AsyncIterator[KeptConnections]:
    """Keep connections from one test to the next, since all asynchronous tests of a worker run on one event loop."""
    async with keeping_connections() as connections:
        yield connections


@pytest.fixture(scope="session")
def new_empty_database(worker_id: str, kept_connections: KeptConnections) -> NewDatabase:
    """Make a database without tables; pytest-xdist's workers each get their own."""

    def create(package: str) -> EmptyableDatabase:
        server_url = make_url(os.environ[SERVER_URL])
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
