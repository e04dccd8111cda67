from collections.abc import AsyncIterator, Callable

import asyncpg
import httpx
import pytest
from fastapi import FastAPI
from pydantic import SecretStr

from service_chassis.database import Database
from service_chassis.health import Readiness, install_health
from service_chassis.settings import ServiceSettings
from service_chassis.testing.clients import running_client

NewApp = Callable[..., FastAPI]
NewSettings = Callable[..., ServiceSettings]

NEEDED_REVISION = "0002"


def with_health(app: FastAPI, database: Database) -> FastAPI:
    install_health(app, Readiness(database=database, schema_revision=NEEDED_REVISION))
    return app


@pytest.fixture
async def client(
    new_app: NewApp, new_settings: NewSettings, database_url: SecretStr
) -> AsyncIterator[httpx.AsyncClient]:
    database = Database(new_settings(database_url=database_url))
    async with running_client(with_health(new_app(), database)) as client:
        yield client
    await database.close()


@pytest.fixture
async def client_without_database(new_app: NewApp, new_settings: NewSettings) -> AsyncIterator[httpx.AsyncClient]:
    async with running_client(with_health(new_app(), Database(new_settings()))) as client:
        yield client


@pytest.fixture
async def connection(database_url: SecretStr) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(database_url.get_secret_value())
    yield connection
    await connection.execute("DROP TABLE IF EXISTS alembic_version")
    await connection.close()


async def migrate_to(connection: asyncpg.Connection, *revisions: str) -> None:
    await connection.execute("CREATE TABLE alembic_version (version_num text)")
    for revision in revisions:
        await connection.execute("INSERT INTO alembic_version VALUES ($1)", revision)


async def test_a_process_lives_without_its_database(client_without_database: httpx.AsyncClient) -> None:
    answer = await client_without_database.get("/health/live")

    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})


@pytest.mark.parametrize("path", ["/health", "/health/ready"])
async def test_a_service_without_its_database_is_not_ready(
    client_without_database: httpx.AsyncClient, path: str
) -> None:
    answer = await client_without_database.get(path)

    assert answer.status_code == 503
    assert answer.json() == {
        "status": "unavailable",
        "service": "trial-service",
        "version": "0.1.0",
        "checks": {"database": "unavailable"},
    }


async def test_a_service_is_not_ready_before_the_first_migration(client: httpx.AsyncClient) -> None:
    answer = await client.get("/health/ready")

    assert (answer.status_code, answer.json()["checks"]) == (503, {"schema": "behind: needs 0002, has None"})


@pytest.mark.parametrize("revisions", [(), ("0001",)])
async def test_a_service_is_not_ready_when_the_schema_is_behind(
    client: httpx.AsyncClient, connection: asyncpg.Connection, revisions: tuple[str, ...]
) -> None:
    await migrate_to(connection, *revisions)

    answer = await client.get("/health/ready")

    assert answer.status_code == 503
    assert set(answer.json()["checks"]) == {"schema"}


@pytest.mark.parametrize("revision", ["0002", "0003", "0010"])
async def test_a_service_is_ready_when_the_schema_is_as_new_or_newer(
    client: httpx.AsyncClient, connection: asyncpg.Connection, revision: str
) -> None:
    await migrate_to(connection, revision)

    answer = await client.get("/health/ready")

    assert (answer.status_code, answer.json()["status"], answer.json()["checks"]) == (200, "ok", {})


async def test_readiness_follows_the_schema_without_a_restart(
    client: httpx.AsyncClient, connection: asyncpg.Connection
) -> None:
    before = await client.get("/health/ready")
    await migrate_to(connection, NEEDED_REVISION)
    after = await client.get("/health/ready")

    assert [before.status_code, after.status_code] == [503, 200]


def test_health_stays_out_of_the_openapi_document(new_app: NewApp, new_settings: NewSettings) -> None:
    app = with_health(new_app(), Database(new_settings()))

    assert app.openapi()["paths"] == {}
