"""The migrations: a line of numbered steps that ends where the models are."""

import asyncio
from pathlib import Path

import asyncpg
import pytest
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory

import auth_service.core.database
import items_service.core.database
from service_chassis.testing.databases import EmptyableDatabase
from service_chassis.testing.fixtures import NewDatabase

SCHEMA_REVISIONS = {
    "auth": auth_service.core.database.SCHEMA_REVISION,
    "items": items_service.core.database.SCHEMA_REVISION,
}


@pytest.fixture(params=SCHEMA_REVISIONS)
def service(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture
def alembic(service: str) -> Config:
    return Config(Path(__file__).parents[2] / f"{service}-service" / "alembic.ini")


@pytest.fixture
def unmigrated_database(
    service: str, new_empty_database: NewDatabase, monkeypatch: pytest.MonkeyPatch
) -> EmptyableDatabase:
    """Give a database of its own, to which the service's settings lead."""
    database = new_empty_database(f"{service}_unmigrated")
    monkeypatch.setenv("ENVIRONMENT", "local")
    monkeypatch.setenv(f"{service.upper()}_DATABASE_URL", database.url.get_secret_value())
    return database


def tables_of(database: EmptyableDatabase) -> set[str]:
    async def read() -> set[str]:
        connection = await asyncpg.connect(database.url.get_secret_value())
        rows = await connection.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        await connection.close()
        return {row["tablename"] for row in rows}

    return asyncio.run(read())


def test_the_newest_migration_is_the_one_that_the_service_asks_for(alembic: Config, service: str) -> None:
    script = ScriptDirectory.from_config(alembic)

    assert script.get_heads() == [SCHEMA_REVISIONS[service]]


def test_migrations_are_numbered_in_one_line(alembic: Config) -> None:
    script = ScriptDirectory.from_config(alembic)

    revisions = list(script.walk_revisions())[::-1]

    numbers = [f"{number:04}" for number in range(1, len(revisions) + 1)]
    assert [revision.revision for revision in revisions] == numbers
    assert [revision.down_revision for revision in revisions] == [None, *numbers[:-1]]
    assert [Path(revision.path).name[:5] for revision in revisions] == [f"{number}_" for number in numbers]


@pytest.mark.usefixtures("unmigrated_database")
def test_the_migrations_make_what_the_models_describe(alembic: Config) -> None:
    command.upgrade(alembic, "head")

    command.check(alembic)


def test_the_migrations_can_be_taken_back_and_made_again(
    alembic: Config, unmigrated_database: EmptyableDatabase
) -> None:
    command.upgrade(alembic, "head")
    tables = tables_of(unmigrated_database)

    command.downgrade(alembic, "base")
    left = tables_of(unmigrated_database)
    command.upgrade(alembic, "head")

    assert left == {"alembic_version"}
    assert tables_of(unmigrated_database) == tables
    command.check(alembic)
