"""A service's own database: one engine, and sessions that commit, roll back and close."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, cast

from sqlalchemy import event, text
from sqlalchemy.exc import DBAPIError, DisconnectionError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine

from service_chassis.database_metrics import Connections, MeasuredPool, measure_statements
from service_chassis.errors import DatabaseUnavailableError
from service_chassis.tracing.database_spans import trace_statements

if TYPE_CHECKING:
    from sqlalchemy.engine.interfaces import DBAPIConnection, ExceptionContext
    from sqlalchemy.pool import ConnectionPoolEntry

    from service_chassis.settings import ServiceSettings

# Together they stay below the 2 seconds within which a client is told that the database is away.
POOL_WAIT_SECONDS = 0.8
CONNECT_SECONDS = 1.0
COMMAND_SECONDS = 1.0
# Below COMMAND_SECONDS, so that a server that is well stops a statement itself and the connection can be kept.
STATEMENT_MILLISECONDS = 900
# No request pauses so long inside a transaction. Of a process whose machine lost its power, nobody hears for hours;
# until then PostgreSQL would keep its locks.
IDLE_TRANSACTION_MILLISECONDS = 10_000

# Classes of SQLSTATE in which nothing is wrong with the statement: connection, password, missing database, resources,
# operator intervention, and a transaction that lost against another; a fail-over shows as 25006, a write on a server
# that is read-only.
_UNAVAILABLE_SQLSTATES = ("08", "28", "3D", "53", "57", "40", "25006")


class Database:
    """The engine of one database, and the only way to a session."""

    def __init__(self, settings: "ServiceSettings") -> None:
        self.engine = create_async_engine(
            settings.database_url.get_secret_value(),
            poolclass=MeasuredPool,
            pool_size=settings.database_pool_size,
            max_overflow=0,
            pool_timeout=POOL_WAIT_SECONDS,
            pool_use_lifo=True,
            hide_parameters=True,
            connect_args=connection_options(settings),
        )
        measure_statements(self.engine.sync_engine)
        event.listen(self.engine.sync_engine, "checkout", _replace_closed_connection)
        event.listen(self.engine.sync_engine, "handle_error", _abandon_hung_connection)
        if settings.otel_exporter_otlp_endpoint is not None:
            trace_statements(self.engine.sync_engine)
        self.session_factory = async_sessionmaker(self.engine, expire_on_commit=False)

    @asynccontextmanager
    async def session(self) -> AsyncIterator[AsyncSession]:
        """Commit when the block ends, roll back when anything raises.

        Raises:
            DatabaseUnavailableError: when the database is away, busy or read-only; the transaction did not commit,
                unless the connection broke between COMMIT and its answer.
        """
        try:
            async with self.session_factory() as session:
                yield session
                await session.commit()  # Commits: the one place where a request's transaction ends.
        except (DBAPIError, PoolTimeoutError, OSError) as error:
            if is_unavailable(error):
                raise DatabaseUnavailableError from error
            raise

    async def schema_revision(self) -> str | None:
        """Return the revision that the migrations have brought this database to, None before the first."""
        async with self.session() as session:
            table = await session.scalar(text("SELECT to_regclass('alembic_version')"))
            return await session.scalar(text("SELECT version_num FROM alembic_version")) if table else None

    def connections(self) -> Connections:
        """Return how many connections there are now."""
        pool = cast("MeasuredPool", self.engine.pool)
        return Connections(pool.size(), pool.checkedout(), pool.checkedin(), pool.pending_requests)

    async def close(self) -> None:
        """Close every pooled connection."""
        await self.engine.dispose()


def connection_options(settings: "ServiceSettings") -> dict[str, Any]:
    """Return the limits that every connection of a service has."""
    return {
        "timeout": CONNECT_SECONDS,
        "command_timeout": COMMAND_SECONDS,
        "server_settings": {
            "application_name": settings.project_name,
            "statement_timeout": str(STATEMENT_MILLISECONDS),
            "idle_in_transaction_session_timeout": str(IDLE_TRANSACTION_MILLISECONDS),
        },
    }


def is_unavailable(error: Exception) -> bool:
    """Say whether a failure means that the database is away, rather than that a statement was wrong."""
    if isinstance(error, DBAPIError):
        return error.connection_invalidated or _means_unavailable(error.orig)
    return isinstance(error, (PoolTimeoutError, OSError)) or _means_unavailable(error)


def _means_unavailable(driver_error: BaseException | None) -> bool:
    sqlstate = getattr(driver_error, "sqlstate", None) or ""
    return sqlstate.startswith(_UNAVAILABLE_SQLSTATES)


def _replace_closed_connection(connection: "DBAPIConnection", _entry: "ConnectionPoolEntry", _proxy: object) -> None:
    # asyncpg notices a closed socket by itself, so unlike a ping this costs no round trip.
    if connection.driver_connection.is_closed():
        raise DisconnectionError


def _abandon_hung_connection(context: "ExceptionContext") -> None:
    # A server that did not answer the statement would not answer the rollback either, for another second.
    if isinstance(context.original_exception, TimeoutError) and context.connection is not None:
        driver_connection: Any = context.connection.connection.driver_connection
        driver_connection.terminate()
        context.is_disconnect = True
        context.invalidate_pool_on_disconnect = False
