"""Reads by key that wait for the same thing share a statement."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextvars import Context, copy_context
from typing import Generic, TypeVar

Key = TypeVar("Key")
Row = TypeVar("Row")

_Asked = list[tuple[Key, "asyncio.Future[Row | None]"]]


class SharedReads(Generic[Key, Row]):
    """Finds rows by their keys; what is asked for while a statement is under way shares the next one.

    A key is never answered by a statement that was sent before it was asked for, so whoever has changed a row sees it.
    """

    def __init__(self, fetch: Callable[[list[Key]], Awaitable[Mapping[Key, Row]]]) -> None:
        self._fetch = fetch
        self._asked: _Asked[Key, Row] = []
        self._context_of_next: Context | None = None
        self._reading: asyncio.Task[None] | None = None

    async def find(self, key: Key) -> Row | None:
        """Find a row.

        Raises:
            DatabaseUnavailableError: the database is away or busy.
        """
        # A client that hangs up cancels its own future, and with that nobody else's.
        answer: asyncio.Future[Row | None] = asyncio.get_running_loop().create_future()
        if not self._asked:
            # The statement belongs to the trace of the first that asks.
            self._context_of_next = copy_context()
        self._asked.append((key, answer))
        if self._reading is None:
            self._read_next()
        return await answer

    def _read_next(self) -> None:
        self._reading = asyncio.create_task(self._read(), name="shared reads", context=self._context_of_next)

    async def _read(self) -> None:
        asked, self._asked = self._asked, []
        await self._answer(asked)
        self._reading = None
        if self._asked:
            self._read_next()

    async def _answer(self, asked: "_Asked[Key, Row]") -> None:
        waiting = [(key, answer) for key, answer in asked if not answer.done()]
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
