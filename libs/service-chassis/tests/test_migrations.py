import asyncio
import sys
from pathlib import Path
from textwrap import dedent

import asyncpg
import pytest
from pydantic import SecretStr

from service_chassis.migrations import upgrade_to_head

INI = """
[alembic]
script_location = %(here)s/migrations
path_separator = os
"""
ENVIRONMENT = """
import os

from pydantic import SecretStr
from sqlalchemy import MetaData

from service_chassis.migrations import run_migrations

run_migrations(MetaData(), SecretStr(os.environ["DATABASE_URL"]))
"""
MIGRATION = """
from alembic import op

revision = "{revision}"
down_revision = {down_revision!r}


def upgrade() -> None:
    op.execute({statement!r})
"""


@pytest.fixture
def service_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, database_url: SecretStr) -> Path:
    """A service with migrations, and nothing else."""
    monkeypatch.setenv("DATABASE_URL", database_url.get_secret_value().replace("postgresql:", "postgresql+asyncpg:"))
    (tmp_path / "migrations" / "versions").mkdir(parents=True)
    (tmp_path / "alembic.ini").write_text(dedent(INI), encoding="utf-8")
    (tmp_path / "migrations" / "env.py").write_text(dedent(ENVIRONMENT), encoding="utf-8")
    return tmp_path


def add_migration(directory: Path, revision: str, *, statement: str, down_revision: str | None = None) -> None:
    source = MIGRATION.format(revision=revision, down_revision=down_revision, statement=statement)
    (directory / "migrations" / "versions" / f"{revision}.py").write_text(source, encoding="utf-8")


def fetch(database_url: SecretStr, statement: str) -> object:
    async def fetch_value() -> object:
        connection = await asyncpg.connect(database_url.get_secret_value())
        value = await connection.fetchval(statement)
        await connection.close()
        return value

    return asyncio.run(fetch_value())


@pytest.fixture(autouse=True)
def _nothing_left(database_url: SecretStr) -> None:
    fetch(database_url, "DROP TABLE IF EXISTS alembic_version, notes")


def test_every_migration_is_run_in_order(service_directory: Path, database_url: SecretStr) -> None:
    add_migration(service_directory, "0001", statement="CREATE TABLE notes (id integer)")
    add_migration(service_directory, "0002", statement="INSERT INTO notes VALUES (1)", down_revision="0001")

    upgrade_to_head(service_directory)

    assert fetch(database_url, "SELECT count(*) FROM notes") == 1
    assert fetch(database_url, "SELECT version_num FROM alembic_version") == "0002"


def test_running_again_does_nothing(service_directory: Path, database_url: SecretStr) -> None:
    add_migration(service_directory, "0001", statement="CREATE TABLE notes (id integer)")
    upgrade_to_head(service_directory)

    upgrade_to_head(service_directory)

    assert fetch(database_url, "SELECT version_num FROM alembic_version") == "0001"


def test_a_database_that_a_newer_version_migrated_stays_as_it_is(
    service_directory: Path, database_url: SecretStr
) -> None:
    add_migration(service_directory, "0001", statement="CREATE TABLE notes (id integer)")
    upgrade_to_head(service_directory)
    fetch(database_url, "UPDATE alembic_version SET version_num = '0002'")

    upgrade_to_head(service_directory)

    assert fetch(database_url, "SELECT version_num FROM alembic_version") == "0002"


def test_a_migration_that_fails_changes_nothing(service_directory: Path, database_url: SecretStr) -> None:
    add_migration(service_directory, "0001", statement="CREATE TABLE notes (id integer)")
    add_migration(service_directory, "0002", statement="SELECT 1/0", down_revision="0001")

    with pytest.raises(Exception, match="division by zero"):
        upgrade_to_head(service_directory)

    assert fetch(database_url, "SELECT to_regclass('notes')") is None


async def test_two_at_once_migrate_once(service_directory: Path) -> None:
    add_migration(service_directory, "0001", statement="CREATE TABLE notes AS SELECT pg_sleep(0.1)::text")
    code = "import pathlib, service_chassis.migrations as m; m.upgrade_to_head(pathlib.Path.cwd())"

    command = (sys.executable, "-c", code)
    processes = [await asyncio.create_subprocess_exec(*command, cwd=service_directory) for _ in range(2)]

    assert [await process.wait() for process in processes] == [0, 0]
