"""Reads by key that wait for the same thing share a statement."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextvars import Context, copy_context
from typing import Generic, TypeVar

Key = TypeVar("Key")
Row = TypeVar("Row")

_Asked = list[tuple[Key, "asyncio.Future[Row | None]", Context]]


class SharedReads(Generic[Key, Row]):
    """Finds rows by their keys; what is asked for while `statements` are under way shares the next one.

    A key is never answered by a statement that was sent before it was asked for, so whoever has changed a row sees it.
    A statement asks for `keys` at most, as all that it answers is in memory at once. More than one statement at a time
    is for those that take PostgreSQL so long that nothing is left to do here meanwhile.
    """

    def __init__(
        self, fetch: Callable[[list[Key]], Awaitable[Mapping[Key, Row]]], *, keys: int, statements: int = 1
    ) -> None:
        self._fetch = fetch
        self._keys = keys
        self._statements = statements
        self._asked: _Asked[Key, Row] = []
        self._reading: set[asyncio.Task[None] | None] = set()
        self._is_beginning = False

    async def find(self, key: Key) -> Row | None:
        """Find a row.

        Raises:
            DatabaseUnavailableError: the database is away or busy.
        """
        # A client that hangs up cancels its own future, and with that nobody else's.
        answer: asyncio.Future[Row | None] = asyncio.get_running_loop().create_future()
        self._asked.append((key, answer, copy_context()))
        self._read_next()
        return await answer

    def _read_next(self) -> None:
        if self._asked and not self._is_beginning and len(self._reading) < self._statements:
            # The statement belongs to the trace of the first that asked, and takes along who asks in this same turn.
            context = self._asked[0][2]
            self._reading.add(asyncio.create_task(self._read(), name="shared reads", context=context))
            self._is_beginning = True

    async def _read(self) -> None:
        self._is_beginning = False
        asked, self._asked = self._asked[: self._keys], self._asked[self._keys :]
        self._read_next()
        await self._answer(asked)
        self._reading.discard(asyncio.current_task())
        self._read_next()

    async def _answer(self, asked: "_Asked[Key, Row]") -> None:
        waiting = [(key, answer) for key, answer, _ in asked if not answer.done()]
        if not waiting:
            return
        try:
            rows = await self._fetch([key for key, _ in waiting])
        except Exception as error:  # noqa: BLE001  # everybody who waits for the statement is told
            for _, answer in waiting:
                if not answer.done():
                    answer.set_exception(error)
        else:
            for key, answer in waiting:
                if not answer.done():
                    answer.set_result(rows.get(key))
