"""Connections for single reading statements: no session, no transaction, nothing to reset between two of them."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractContextManager, asynccontextmanager, nullcontext
from functools import partial
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import asyncpg
from sqlalchemy.dialects.postgresql.asyncpg import PGDialect_asyncpg
from sqlalchemy.engine import make_url

from service_chassis.database import POOL_WAIT_SECONDS, connection_options, is_unavailable
from service_chassis.database_metrics import Connections, measured_read, measured_wait
from service_chassis.errors import DatabaseUnavailableError
from service_chassis.tracing.database_spans import describe_database, statement_span

if TYPE_CHECKING:
    from sqlalchemy import Select

    from service_chassis.settings import ServiceSettings

# Reads by key share their statements, so most of these are for lists.
MAXIMUM_CONNECTIONS = 4

Key = TypeVar("Key")
Row = TypeVar("Row")

_DIALECT: Any = PGDialect_asyncpg()  # type: ignore[no-untyped-call]  # SQLAlchemy's dialects have no types


class ReadStatement:
    """A statement that SQLAlchemy has put into words once; its parameters have names."""

    def __init__(self, statement: "Select[Any]") -> None:
        compiled = statement.compile(dialect=_DIALECT)
        self.text = str(compiled)
        self._constants = compiled.params
        self._names = list(compiled.positiontup or ())

    def arguments(self, values: Mapping[str, Any]) -> list[Any]:
        """Return the values in the order of the text."""
        return [values.get(name, self._constants[name]) for name in self._names]


class ReadRow(asyncpg.Record):  # type: ignore[misc]  # asyncpg ships no types
    """A row whose columns are attributes, as those of a model."""

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401  # any column's type
        """Return a column's value."""
        try:
            return self[name]
        except KeyError:
            raise AttributeError(name) from None


class ReadPool:
    """A few connections beside those of the engine, opened when they are needed first."""

    def __init__(self, settings: "ServiceSettings") -> None:
        url = make_url(settings.database_url.get_secret_value())
        self._span_of: Callable[[str], AbstractContextManager[object]] = nullcontext
        if settings.otel_exporter_otlp_endpoint is not None:
            self._span_of = partial(statement_span, database=describe_database(url))
        _, address = _DIALECT.create_connect_args(url)
        self._options = address | connection_options(settings)
        self._pool: asyncpg.Pool | None = None
        self._pending = 0

    async def fetch(self, statement: ReadStatement, **values: Any) -> Sequence[ReadRow]:  # any column's type
        """Run one statement.

        Raises:
            DatabaseUnavailableError: the database is away or busy.
        """
        try:
            async with self._connection() as connection:
                try:
                    with measured_read(), self._span_of(statement.text):
                        rows: list[ReadRow] = await connection.fetch(statement.text, *statement.arguments(values))
                except TimeoutError:
                    # A server that did not answer the statement would not answer its cancellation either.
                    connection.terminate()
                    raise
                return rows
        except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as error:
            if is_unavailable(error) or _says_that_the_connection_is_gone(error):
                raise DatabaseUnavailableError from error
            raise

    def connections(self) -> Connections:
        """Return how many connections there are now."""
        size, idle = (0, 0) if self._pool is None else (self._pool.get_size(), self._pool.get_idle_size())
        return Connections(MAXIMUM_CONNECTIONS, size - idle, idle, self._pending)

    async def close(self) -> None:
        """Close the connections; whoever still reads is broken off."""
        if self._pool is not None:
            self._pool.terminate()

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[asyncpg.Connection]:
        pool = await self._open()
        self._pending += 1
        try:
            with measured_wait():
                connection = await pool.acquire(timeout=POOL_WAIT_SECONDS)
        finally:
            self._pending -= 1
        try:
            yield connection
        finally:
            await pool.release(connection)

    async def _open(self) -> asyncpg.Pool:
        if self._pool is None:
            self._pool = asyncpg.create_pool(
                **self._options,
                min_size=0,
                max_size=MAXIMUM_CONNECTIONS,
                max_inactive_connection_lifetime=0,
                reset=_leave_as_it_is,
                record_class=ReadRow,
            )
            # With no connection to open, this does not wait, and nobody sees it half made.
            await self._pool
        return self._pool


def _says_that_the_connection_is_gone(error: Exception) -> bool:
    # The same class, but for wrong arguments, which would be a mistake here.
    return isinstance(error, asyncpg.InterfaceError) and not isinstance(error, ValueError)


async def _leave_as_it_is(_connection: object) -> None:
    """A statement that reads leaves nothing behind that the next one would see."""


class SharedReads(Generic[Key, Row]):
    """Finds rows by their keys; what is asked for while a statement is under way shares the next one.

    A key is never answered by a statement that was sent before it was asked for, so whoever has changed a row sees it.
    """

    def __init__(self, fetch: Callable[[list[Key]], Awaitable[Mapping[Key, Row]]]) -> None:
        self._fetch = fetch
        self._asked: list[Key] = []
        self._reading: asyncio.Task[Mapping[Key, Row]] | None = None
        self._next_reading: asyncio.Task[Mapping[Key, Row]] | None = None

    async def find(self, key: Key) -> Row | None:
        """Find a row.

        Raises:
            DatabaseUnavailableError: the database is away or busy.
        """
        self._asked.append(key)
        if self._next_reading is None:
            self._next_reading = asyncio.create_task(self._read(after=self._reading), name="shared reads")
        # Others wait for it too, so a client that hangs up must not cancel it.
        rows = await asyncio.shield(self._next_reading)
        return rows.get(key)

    async def _read(self, *, after: "asyncio.Task[Mapping[Key, Row]] | None") -> Mapping[Key, Row]:
        if after is not None:
            await asyncio.wait([after])
        keys, self._asked = self._asked, []
        self._reading, self._next_reading = self._next_reading, None
        return await self._fetch(keys)
