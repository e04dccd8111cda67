"""Databases for tests, built by the real migrations."""

import asyncio
from importlib import import_module
from pathlib import Path

import asyncpg
import pytest
from pydantic import SecretStr
from sqlalchemy.engine import URL

from service_chassis.migrations import upgrade_to_head
from service_chassis.testing.kept_connections import KeptConnections

_DELETE_EVERY_ROW = """
SELECT string_agg(format('DELETE FROM %I', tablename), '; ') FROM pg_tables
WHERE schemaname = 'public' AND tablename <> 'alembic_version'
"""


class EmptyableDatabase:
    """A database whose schema is made once, and whose rows are gone after each test."""

    def __init__(self, url: URL, *, package: str, connections: KeptConnections) -> None:
        self._url = url
        self._package = package
        self._connections = connections
        self._delete_every_row: str | None = None

    @property
    def url(self) -> SecretStr:
        """The URL as a service's settings take it."""
        return SecretStr(self._url.render_as_string(hide_password=False))

    def create(self) -> None:
        """Create the database anew."""
        asyncio.run(self._create())

    async def _create(self) -> None:
        server = self._url.set(database="postgres").render_as_string(hide_password=False)
        connection = await asyncpg.connect(server)
        await connection.execute(f'DROP DATABASE IF EXISTS "{self._url.database}" WITH (FORCE)')
        await connection.execute(f'CREATE DATABASE "{self._url.database}"')
        await connection.close()

    def migrate(self) -> None:
        """Run the service's own migrations, in this process: a command would take longer to start than to migrate."""
        prefix = self._package.removesuffix("_service").upper()
        service_directory = Path(str(import_module(self._package).__file__)).parents[2]
        with pytest.MonkeyPatch.context() as environment:
            environment.setenv(f"{prefix}_DATABASE_URL", self.url.get_secret_value())
            environment.setenv("ENVIRONMENT", "local")
            upgrade_to_head(service_directory)

    async def empty(self) -> None:
        """Delete every row of every table."""
        # For a few rows this is ten times faster than TRUNCATE; constraints are checked for nobody's sake meanwhile.
        settings = {"session_replication_role": "replica", "lock_timeout": "10s"}
        connection = await self._connections.connect(self.url.get_secret_value(), server_settings=settings)
        if self._delete_every_row is None:
            self._delete_every_row = await connection.fetchval(_DELETE_EVERY_ROW)
        await connection.execute(self._delete_every_row)
        await connection.close()

    async def connect(self) -> asyncpg.Connection:
        """Connect past the service."""
        return await self._connections.connect(self.url.get_secret_value())

    async def execute(self, statement: str, *values: object) -> None:
        """Change rows behind the service's back, as time or another process would."""
        connection = await self.connect()
        await connection.execute(statement, *values)
        await connection.close()
