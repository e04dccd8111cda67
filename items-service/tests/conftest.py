"""Fixtures of items-service: the application on a real database, keys from a real socket, and clients of it."""

from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import httpx
import pytest
from fastapi import FastAPI
from pydantic import HttpUrl

from items_service.core.config import Settings
from items_service.main import create_app
from service_chassis.testing.clients import running_client, settings_of, share_routes
from service_chassis.testing.databases import EmptyableDatabase
from service_chassis.testing.door import Door
from service_chassis.testing.fixtures import NewDatabase
from service_chassis.testing.issuer import TokenIssuer
from service_chassis.testing.kept_connections import KeptConnections
from service_chassis.testing.key_server import KeyServer
from service_chassis.testing.shared_statements import share_statements


@pytest.fixture(scope="session")
def database(new_database: NewDatabase) -> EmptyableDatabase:
    return new_database("items_service")


@pytest.fixture
def key_server(issuer: TokenIssuer) -> Iterator[KeyServer]:
    with KeyServer(issuer.key_set()) as server:
        yield server


@pytest.fixture
def new_settings(database: EmptyableDatabase, key_server: KeyServer) -> Callable[..., Settings]:
    """Build the settings of a developer's machine; each of them can be replaced."""

    def build(**values: Any) -> Settings:  # each setting has a type of its own
        usual: dict[str, Any] = {"environment": "local", "database_url": database.url}
        # Each test has a key server of its own, and nearly all else in common.
        address = values.pop("auth_service_url", HttpUrl(key_server.url))
        return settings_of(Settings, **usual | values).model_copy(update={"auth_service_url": address})

    return build


@pytest.fixture
def settings(new_settings: Callable[..., Settings]) -> Settings:
    return new_settings()


@pytest.fixture
async def app(
    settings: Settings,
    new_settings: Callable[..., Settings],
    database: EmptyableDatabase,
    kept_connections: KeptConnections,
) -> AsyncIterator[FastAPI]:
    app = share_routes(create_app(settings))
    resources = app.state.resources
    share_statements(resources.database.engine)
    if settings.database_url == new_settings().database_url:
        kept_connections.share(resources.database.engine, resources.statement_pool)
    yield app
    await database.empty()


@pytest.fixture
async def door(database: EmptyableDatabase) -> AsyncIterator[Door]:
    """Give a way to the database that can be held, shut and cut."""
    door = Door(database.url)
    await door.open()
    yield door
    await door.shut()
    await database.empty()


@pytest.fixture
def owner_id() -> UUID:
    return uuid4()


@pytest.fixture
async def anonymous(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    async with running_client(app) as client:
        yield client


@pytest.fixture
async def client(anonymous: httpx.AsyncClient, issuer: TokenIssuer, owner_id: UUID) -> httpx.AsyncClient:
    """Give a client whose requests carry the token of one user."""
    anonymous.headers.update(issuer.authorization(owner_id))
    return anonymous


@pytest.fixture
async def other_session(database: EmptyableDatabase) -> AsyncIterator[asyncpg.Connection]:
    """Connect to the database past the service."""
    connection = await database.connect()
    yield connection
    await connection.close()
    await database.empty()
