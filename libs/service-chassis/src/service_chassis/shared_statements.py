"""Requests that wait for the same kind of statement share one."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextvars import Context, copy_context
from typing import Generic, TypeVar

from service_chassis.errors import DatabaseUnavailableError

Asked = TypeVar("Asked")
Row = TypeVar("Row")

_Waiting = tuple[Asked, "asyncio.Future[Row | None]"]


class SharedStatements(Generic[Asked, Row]):
    """Answers with rows by statements that are each for all who ask; `at_once` of them are under way at most.

    Nobody is answered by a statement that was sent before it was asked for, so whoever has changed a row sees it. One
    is for `size` who ask at most, as all that it says is in memory at once. More than one at once is for those that
    take PostgreSQL so long that nothing is left to do here meanwhile.
    """

    def __init__(
        self, run: Callable[[list[Asked]], Awaitable[Mapping[Asked, Row]]], *, size: int, at_once: int = 1
    ) -> None:
        self._run = run
        self._size = size
        self._at_once = at_once
        self._asked: list[tuple[_Waiting[Asked, Row], Context]] = []
        self._running: set[asyncio.Task[None] | None] = set()
        self._is_beginning = False

    async def ask(self, asked: Asked) -> Row | None:
        """Return the row for what is asked, None where there is none.

        Raises:
            DatabaseUnavailableError: the database is away or busy.
        """
        # A client that hangs up cancels its own future, and with that nobody else's.
        answer: asyncio.Future[Row | None] = asyncio.get_running_loop().create_future()
        self._asked.append(((asked, answer), copy_context()))
        self._begin_next()
        return await answer

    def _begin_next(self) -> None:
        if self._asked and not self._is_beginning and len(self._running) < self._at_once:
            # The statement belongs to the trace of the first that asked, and takes along who asks in this same turn.
            context = self._asked[0][1]
            self._running.add(asyncio.create_task(self._next(), name="shared statement", context=context))
            self._is_beginning = True

    async def _next(self) -> None:
        self._is_beginning = False
        asked, self._asked = self._asked[: self._size], self._asked[self._size :]
        self._begin_next()
        await self._answer([waiting for waiting, _ in asked])
        self._running.discard(asyncio.current_task())
        self._begin_next()

    async def _answer(self, asked: "Sequence[_Waiting[Asked, Row]]") -> None:
        waiting = [(what, answer) for what, answer in asked if not answer.done()]
        if not waiting:
            return
        try:
            rows = await self._run([what for what, _ in waiting])
        except Exception as error:  # noqa: BLE001  # whoever waits for the statement is told
            if len(waiting) > 1 and not isinstance(error, DatabaseUnavailableError):
                # What PostgreSQL refuses was asked by one of them, and is nobody else's failure.
                for each in waiting:
                    await self._answer([each])
                return
            for _, answer in waiting:
                if not answer.done():
                    answer.set_exception(error)
        else:
            for what, answer in waiting:
                if not answer.done():
                    answer.set_result(rows.get(what))
