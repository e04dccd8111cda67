"""Ends the work for a client that has hung up, so that its database connection is free for others."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

# Most requests are answered by then, and cost one timer. What takes longer waits for something.
WATCH_AFTER_SECONDS = 0.1


class HangUpMiddleware:
    """Cancels a request whose client is gone; its transaction rolls back unless it was committing already."""

    def __init__(self, app: "ASGIApp") -> None:
        self._app = app

    async def __call__(self, scope: "Scope", receive: "Receive", send: "Send") -> None:
        """Pass the request on, and watch its connection once it takes long."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        has_body = any(name in {b"content-length", b"transfer-encoding"} for name, _ in scope["headers"])
        connection = WatchedConnection(receive, has_body=has_body)
        with connection.watched():
            await self._app(scope, connection.receive, send)


class WatchedConnection:
    """A client's connection; `has_body` says whether a body is still to come."""

    def __init__(self, receive: "Receive", *, has_body: bool) -> None:
        self._receive = receive
        self._task = asyncio.current_task()
        self._has_body = has_body
        self._body_is_complete = asyncio.Event()
        self._watcher: asyncio.Task[None] | None = None
        self._hung_up = False
        if not self._has_body:
            self._body_is_complete.set()

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Cancel what is done within when the client hangs up, and go on after it as if it were done."""
        timer = asyncio.get_running_loop().call_later(WATCH_AFTER_SECONDS, self._begin_to_watch)
        try:
            yield
        except asyncio.CancelledError:
            if not self._hung_up:
                raise
        finally:
            timer.cancel()
            if self._watcher is not None:
                self._watcher.cancel()

    async def receive(self) -> "Message":
        """Hand on the body; after it the watcher alone listens, and the application waits for what never comes."""
        if not self._has_body:
            self._has_body = True
            return {"type": "http.request", "body": b"", "more_body": False}
        if self._body_is_complete.is_set():
            await asyncio.Future()
        message = await self._receive()
        if not message.get("more_body", False):
            self._body_is_complete.set()
        return message

    def _begin_to_watch(self) -> None:
        self._watcher = asyncio.create_task(self._watch(), name="watch for a hang-up")

    async def _watch(self) -> None:
        await self._body_is_complete.wait()
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self._hung_up = True
        if self._task is not None:
            self._task.cancel()
