"""Connections for single statements that commit by themselves: no session, nothing to reset between two of them."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from typing import TYPE_CHECKING, Any

import asyncpg
from sqlalchemy.dialects.postgresql.asyncpg import PGDialect_asyncpg
from sqlalchemy.engine import make_url

from service_chassis.database import POOL_WAIT_SECONDS, connection_options, is_unavailable
from service_chassis.database_metrics import Connections, MeasuredStatement, MeasuredWait, observe_no_wait, series_of
from service_chassis.errors import DatabaseUnavailableError
from service_chassis.tracing.database_spans import describe_database, statement_span
from service_chassis.turns import Turns

if TYPE_CHECKING:
    from sqlalchemy import Select
    from sqlalchemy.sql.dml import ReturningInsert

    from service_chassis.settings import ServiceSettings

# Reads and new items share their statements, so most of these are for searches, large pages, logins and refreshes.
MAXIMUM_CONNECTIONS = 8

_DIALECT: Any = PGDialect_asyncpg()  # type: ignore[no-untyped-call]  # SQLAlchemy's dialects have no types


class Statement:
    """A statement that SQLAlchemy has put into words once; its parameters have names."""

    def __init__(self, statement: "Select[*tuple[Any, ...]] | ReturningInsert[*tuple[Any, ...]]") -> None:
        compiled = statement.compile(dialect=_DIALECT)
        self.text = str(compiled)
        self.series = series_of(self.text)
        self._constants = compiled.params
        self._names = list(compiled.positiontup or ())

    def arguments(self, values: Mapping[str, Any]) -> list[Any]:
        """Return the values in the order of the text."""
        return [values.get(name, self._constants[name]) for name in self._names]


class Row(asyncpg.Record):
    """A row whose columns are attributes, as those of a model."""

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401  # any column's type
        """Return a column's value."""
        try:
            return self[name]
        except KeyError:
            raise AttributeError(name) from None


class StatementPool:
    """A few connections beside those of the engine, opened when they are needed first."""

    def __init__(self, settings: "ServiceSettings") -> None:
        url = make_url(settings.database_url.get_secret_value())
        self._span_of: Callable[[str], AbstractContextManager[object]] = nullcontext
        if settings.otel_exporter_otlp_endpoint is not None:
            self._span_of = partial(statement_span, database=describe_database(url))
        _, address = _DIALECT.create_connect_args(url)
        options = address | connection_options(settings) | {"timeout": POOL_WAIT_SECONDS, "record_class": Row}
        self.connect = partial(asyncpg.connect, **options)
        self._turns = Turns(MAXIMUM_CONNECTIONS, wait_seconds=POOL_WAIT_SECONDS)
        self._connections: set[asyncpg.Connection] = set()
        self._idle: list[asyncpg.Connection] = []
        self._pending = 0

    async def fetch(self, statement: Statement, **values: Any) -> Sequence[Row]:  # any column's type
        """Run one statement; if it changes something, that is committed.

        Raises:
            DatabaseUnavailableError: the database is away or busy. It may have done what it was told before.
        """
        try:
            connection = self._take_at_once() or await self._take()
            try:
                with MeasuredStatement(statement.series), self._span_of(statement.text):
                    rows: list[Row] = await connection.fetch(statement.text, *statement.arguments(values))
                    return rows
            except (TimeoutError, asyncio.CancelledError):
                # A server that did not answer the statement would not answer its cancellation either.
                connection.terminate()
                raise
            finally:
                self._give_back(connection)
        except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as error:
            if is_unavailable(error) or _says_that_the_connection_is_gone(error):
                raise DatabaseUnavailableError from error
            raise

    def connections(self) -> Connections:
        """Return how many connections there are now."""
        used = len(self._connections) - len(self._idle)
        return Connections(MAXIMUM_CONNECTIONS, used, len(self._idle), self._pending)

    async def close(self) -> None:
        """Close the connections; whoever still waits for a statement is broken off."""
        connections, self._connections = self._connections, set()
        self._idle.clear()
        for connection in connections:
            connection.terminate()

    def _take_at_once(self) -> asyncpg.Connection | None:
        if not self._idle or not self._turns.take_at_once():
            return None
        connection = self._last_used()
        if connection is None:
            self._turns.give_back()
        else:
            observe_no_wait()
        return connection

    async def _take(self) -> asyncpg.Connection:
        self._pending += 1
        try:
            with MeasuredWait():
                await self._turns.take()
                return self._last_used() or await self._new()
        finally:
            self._pending -= 1

    def _last_used(self) -> asyncpg.Connection | None:
        while self._idle:
            connection = self._idle.pop()
            if not connection.is_closed():
                return connection
            self._connections.discard(connection)
        return None

    async def _new(self) -> asyncpg.Connection:
        connections = self._connections
        try:
            connection = await self.connect()
        except BaseException:
            # There is no connection with which this turn would be given back.
            self._turns.give_back()
            raise
        connections.add(connection)
        if connections is not self._connections:
            # The pool was closed meanwhile.
            connection.terminate()
        return connection

    def _give_back(self, connection: asyncpg.Connection) -> None:
        self._turns.give_back()
        if connection.is_closed():
            self._connections.discard(connection)
        else:
            self._idle.append(connection)


def _says_that_the_connection_is_gone(error: Exception) -> bool:
    # The same class, but for wrong arguments, which would be a mistake here.
    return isinstance(error, asyncpg.InterfaceError) and not isinstance(error, ValueError)
