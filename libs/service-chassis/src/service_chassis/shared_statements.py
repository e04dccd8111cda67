"""Requests that wait for the same kind of statement share one."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextvars import Context, copy_context
from typing import Generic, NamedTuple, TypeVar

from service_chassis.database import POOL_WAIT_SECONDS
from service_chassis.errors import DatabaseUnavailableError

Asked = TypeVar("Asked")
Row = TypeVar("Row")


class _Waiting(NamedTuple, Generic[Asked, Row]):
    asked: Asked
    answer: "asyncio.Future[Row | None]"
    context: Context
    since: float


class SharedStatements(Generic[Asked, Row]):
    """Answers with rows by statements that are each for all who ask; `at_once` of them are under way at most.

    Nobody is answered by a statement that was sent before it was asked for, so whoever has changed a row sees it. One
    is for `size` who ask at most, as all that it says is in memory at once. More than one at once is for those that
    take PostgreSQL so long that nothing is left to do here meanwhile. Whoever would wait longer for a statement's
    beginning than `wait_seconds` is refused.
    """

    def __init__(
        self,
        run: Callable[[list[Asked]], Awaitable[Mapping[Asked, Row]]],
        *,
        size: int,
        at_once: int = 1,
        wait_seconds: float = POOL_WAIT_SECONDS,
    ) -> None:
        self._run = run
        self._size = size
        self._at_once = at_once
        self._wait_seconds = wait_seconds
        self._waiting: list[_Waiting[Asked, Row]] = []
        # A task that nobody holds may be collected before it is over.
        self._tasks: set[asyncio.Task[None]] = set()
        self._running = 0
        self._is_beginning = False

    async def ask(self, asked: Asked) -> Row | None:
        """Return the row for what is asked, None where there is none.

        Raises:
            DatabaseUnavailableError: the database is away or busy.
        """
        # A client that hangs up cancels its own future, and with that nobody else's.
        answer: asyncio.Future[Row | None] = asyncio.get_running_loop().create_future()
        self._waiting.append(_Waiting(asked, answer, copy_context(), time.monotonic()))
        self._begin_next()
        return await answer

    def _begin_next(self) -> None:
        if self._waiting and not self._is_beginning and self._running < self._at_once:
            # The statement belongs to the trace of the first that asked, and takes along who asks in this same turn.
            context = self._waiting[0].context
            task = asyncio.create_task(self._next(), name="shared statement", context=context)
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
            self._running += 1
            self._is_beginning = True

    async def _next(self) -> None:
        self._is_beginning = False
        self._refuse_who_waits_too_long()
        begun, self._waiting = self._waiting[: self._size], self._waiting[self._size :]
        self._begin_next()
        await self._answer(begun)
        self._running -= 1
        self._begin_next()

    def _refuse_who_waits_too_long(self) -> None:
        """Without this, hundreds would wait for one statement after the other while each takes as long as it may."""
        begun_since = time.monotonic() - self._wait_seconds
        while self._waiting and self._waiting[0].since < begun_since:
            _refuse(self._waiting.pop(0).answer, DatabaseUnavailableError())

    async def _answer(self, waiting: Sequence[_Waiting[Asked, Row]]) -> None:
        waiting = [each for each in waiting if not each.answer.done()]
        if not waiting:
            return
        try:
            rows = await self._run([each.asked for each in waiting])
        except Exception as error:  # noqa: BLE001  # whoever waits for the statement is told
            await self._tell_failure(error, waiting)
        else:
            for each in waiting:
                if not each.answer.done():
                    each.answer.set_result(rows.get(each.asked))

    async def _tell_failure(self, error: Exception, waiting: Sequence[_Waiting[Asked, Row]]) -> None:
        is_somebodys = len(waiting) > 1 and not isinstance(error, DatabaseUnavailableError)
        for each in waiting:
            if is_somebodys:
                # What PostgreSQL refuses was asked by one of them, and is nobody else's failure.
                await self._answer([each])
            else:
                _refuse(each.answer, error)


def _refuse(answer: "asyncio.Future[Row | None]", error: Exception) -> None:
    if not answer.done():
        answer.set_exception(error)
