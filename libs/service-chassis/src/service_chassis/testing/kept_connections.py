"""Connections that outlive the application of one test and serve the next: opening one costs more than many a test."""

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import asyncpg
from asyncpg.prepared_stmt import PreparedStatement
from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncEngine
from typing_extensions import override

from service_chassis.statement_pool import StatementPool


class KeptConnection(asyncpg.Connection):
    """A connection that is kept for the next one when it is closed, and ends when it is closed in the middle."""

    kept: "list[KeptConnection] | None" = None
    """Where it waits for the next one."""

    _is_fetching = False
    _codecs: frozenset[str] = frozenset()

    @override
    async def close(self, *, timeout: float | None = None) -> None:
        """Keep this connection, or end it."""
        if not self._is_kept():
            await super().close(timeout=timeout)

    @override
    def terminate(self) -> None:
        """Keep this connection, or break it off."""
        if not self._is_kept():
            super().terminate()

    def end(self) -> None:
        """Break this connection off whatever becomes of others."""
        super().terminate()

    @override
    async def fetch(self, *arguments: Any, **options: Any) -> Sequence[asyncpg.Record]:  # whatever asyncpg takes
        """Fetch rows; whoever was broken off meanwhile leaves a connection that can't be kept."""
        self._is_fetching = True
        rows: Sequence[asyncpg.Record] = await super().fetch(*arguments, **options)
        self._is_fetching = False
        return rows

    @override
    async def prepare(self, query: str, *, name: str | None = None, **options: Any) -> PreparedStatement:
        """Prepare a statement once for all who use this connection after each other."""
        return await self._prepare(query, name=name, use_cache=name is None, **options)

    @override
    async def set_type_codec(self, typename: str, **codec: Any) -> None:
        """Set a codec once: each engine sets the same ones, and asyncpg forgets every statement each time."""
        if typename not in self._codecs:
            self._codecs |= {typename}
            await super().set_type_codec(typename, **codec)

    def _is_kept(self) -> bool:
        if self.kept is None or self.is_closed() or self.is_in_transaction() or self._is_fetching:
            return False
        if self not in self.kept:
            self.kept.append(self)
        return True


class KeptConnections:
    """Opens connections on one event loop; those that were closed before come first."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._kept: defaultdict[str, list[KeptConnection]] = defaultdict(list)

    async def connect(self, *address: str, **options: Any) -> asyncpg.Connection:  # whatever asyncpg takes
        """Connect, as `asyncpg.connect` does."""
        if asyncio.get_running_loop() is not self._loop:
            return await asyncpg.connect(*address, **options)
        kept = self._kept[repr((address, sorted(options.items())))]
        while kept:
            with contextlib.suppress(asyncpg.PostgresError, asyncpg.InterfaceError, OSError):
                return await _as_new(kept.pop())
        connection = await asyncpg.connect(*address, **options | {"connection_class": KeptConnection})
        connection.kept = kept
        return connection

    def share(self, engine: AsyncEngine, statement_pool: StatementPool) -> None:
        """Let an application take its connections from here, and leave them here when it ends."""

        def connect_here(_dialect: object, _record: object, _arguments: object, options: dict[str, Any]) -> None:
            options["async_creator_fn"] = self.connect

        event.listen(engine.sync_engine, "do_connect", connect_here)
        statement_pool.connect = partial(self.connect, **statement_pool.connect.keywords)

    def end(self) -> None:
        """End those that are kept."""
        for kept in self._kept.values():
            for connection in kept:
                connection.end()


async def _as_new(connection: KeptConnection) -> KeptConnection:
    try:
        await connection.reset()
    except BaseException:
        connection.end()
        raise
    return connection


@asynccontextmanager
async def keeping_connections() -> AsyncIterator[KeptConnections]:
    """Keep connections until the block ends."""
    connections = KeptConnections()
    yield connections
    connections.end()
