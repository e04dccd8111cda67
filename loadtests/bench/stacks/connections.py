"""Connections of the fastest kind: they stay open, and what they run is prepared."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Self

import asyncpg

PINNED_CONNECTIONS = 8

Statements = dict[str, asyncpg.prepared_stmt.PreparedStatement]


class PinnedConnections:
    """Connections that have their statements prepared; whoever needs one takes the one used last."""

    def __init__(self, database_url: str, *texts: str) -> None:
        self._database_url = database_url
        self._texts = texts
        self._free: asyncio.LifoQueue[tuple[asyncpg.Connection, Statements]] = asyncio.LifoQueue()

    async def __aenter__(self) -> Self:
        """Connect and prepare."""
        for _ in range(PINNED_CONNECTIONS):
            connection = await asyncpg.connect(self._database_url)
            self._free.put_nowait((connection, {text: await connection.prepare(text) for text in self._texts}))
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close those that are free, as all are by then."""
        while not self._free.empty():
            await self._free.get_nowait()[0].close()

    async def fetch_row(self, text: str, *values: Any) -> asyncpg.Record | None:  # any column's type
        """Run a statement; it commits by itself."""
        free = await self._free.get()
        try:
            return await free[1][text].fetchrow(*values)
        finally:
            self._free.put_nowait(free)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Statements]:
        """Run several statements that commit together."""
        free = await self._free.get()
        try:
            async with free[0].transaction():
                yield free[1]
        finally:
            self._free.put_nowait(free)
