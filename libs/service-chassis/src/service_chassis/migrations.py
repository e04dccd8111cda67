"""Runs a service's Alembic migrations, one process at a time."""

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

from alembic import command, context
from alembic.config import Config
from sqlalchemy import Connection, MetaData, pool, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import create_async_engine

from service_chassis.database import is_unavailable
from service_chassis.errors import DatabaseUnavailableError

if TYPE_CHECKING:
    from pydantic import SecretStr

CONNECT_SECONDS = 10.0
# Any number does, as long as every replica of every version takes the same one: "tandem" in ASCII.
_MIGRATION_LOCK = 0x74616E64656D


def upgrade_to_head(service_directory: Path) -> None:
    """Bring the database of the service whose `alembic.ini` lies in that directory to the newest schema it knows.

    A database that a newer version has migrated stays as it is: a rollback runs the old version's migrations again.

    Raises:
        DatabaseUnavailableError: the database does not answer; nothing was changed.
    """
    try:
        command.upgrade(Config(service_directory / "alembic.ini"), "head")
    except (DBAPIError, OSError) as error:
        if is_unavailable(error):
            raise DatabaseUnavailableError from error
        raise


def run_migrations(metadata: MetaData, database_url: "SecretStr") -> None:
    """Do what Alembic was called for; the body of every `migrations/env.py`."""
    asyncio.run(_run_migrations(metadata, database_url.get_secret_value()))


async def _run_migrations(metadata: MetaData, database_url: str) -> None:
    engine = create_async_engine(
        database_url, poolclass=pool.NullPool, hide_parameters=True, connect_args={"timeout": CONNECT_SECONDS}
    )
    async with engine.connect() as connection:
        await connection.run_sync(_migrate, metadata)
        # Commits: Alembic's transaction is nested in the one that this connection began.
        await connection.commit()
    await engine.dispose()


def _migrate(connection: Connection, metadata: MetaData) -> None:
    context.configure(connection=connection, target_metadata=metadata, compare_server_default=True)
    with context.begin_transaction():
        # Two Jobs, or a Job and a developer, may start at once: the second waits and finds nothing left to do.
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _MIGRATION_LOCK})
        if not _is_ahead():
            context.run_migrations()


def _is_ahead() -> bool:
    """Tell whether the database has a revision above the newest here; revisions are numbers that rise."""
    there, here = context.get_context().get_current_revision(), context.get_head_revision()
    return there is not None and here is not None and there > str(here)
