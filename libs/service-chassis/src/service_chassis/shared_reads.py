"""Reads by key that wait for the same thing share a statement."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Generic, TypeVar

Key = TypeVar("Key")
Row = TypeVar("Row")


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
