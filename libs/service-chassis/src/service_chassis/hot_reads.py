"""Answers the reads of which there are most before the router does; what is out of the ordinary goes the ordinary way.

A hot read answers what it is sure of, in the same bytes as its endpoint, and leaves everything else to the endpoint:
a token that was not verified yet, a parameter that may be wrong. It stands inside all middlewares, so ids, access
lines, metrics, bounds and security headers are those of every request.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import structlog
from fastapi import FastAPI, Request
from starlette.middleware import Middleware
from starlette.routing import compile_path

from service_chassis.access_tokens.authentication import TokenAuthenticator
from service_chassis.access_tokens.claims import AccessToken
from service_chassis.errors import ServiceError
from service_chassis.problem_details import service_error_response

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

Headers = Sequence[tuple[bytes, bytes]]


@dataclass(frozen=True, slots=True)
class HotRequest:
    """What a hot read is asked: by whom, for which values of its path and query."""

    caller: AccessToken
    path_values: dict[str, str]
    query: bytes
    path: str
    headers: Headers

    def header(self, name: bytes) -> bytes | None:
        """Return a header's value, joined as one where it was sent in several lines; None where it was not sent."""
        return b", ".join(value for header, value in self.headers if header == name) or None


@dataclass(frozen=True, slots=True)
class HotAnswer:
    """A body of JSON or none, and what the endpoint would say in the headers."""

    body: bytes = b""
    headers: Headers = ()
    status: int = 200


class HotRead:
    """One read: the path as its endpoint declares it, the scope that it takes, and who answers.

    `answer` returns None for what its endpoint shall judge, and raises the endpoint's own errors.
    """

    def __init__(self, path: str, *, scope: str, answer: Callable[[HotRequest], Awaitable[HotAnswer | None]]) -> None:
        self.path = path
        self.scope = scope
        self.answer = answer
        self.pattern, _, _ = compile_path(path)


def install_hot_reads(
    app: FastAPI, reads: Sequence[HotRead], *, authenticator: TokenAuthenticator[AccessToken]
) -> None:
    """Answer these reads inside of every middleware that is installed by now."""
    app.user_middleware.append(Middleware(HotReadsMiddleware, reads=reads, authenticator=authenticator))


class HotReadsMiddleware:
    """Asks the hot reads, and passes on what none of them answers."""

    def __init__(
        self, app: "ASGIApp", *, reads: Sequence[HotRead], authenticator: TokenAuthenticator[AccessToken]
    ) -> None:
        self._app = app
        self._reads = reads
        self._authenticator = authenticator

    async def __call__(self, scope: "Scope", receive: "Receive", send: "Send") -> None:
        """Answer, or pass the request on."""
        if scope["type"] != "http" or scope["method"] != "GET":
            await self._app(scope, receive, send)
            return
        try:
            answer = await self._find_answer(scope)
        except ServiceError as error:
            await service_error_response(Request(scope), error)(scope, receive, send)
            return
        if answer is None:
            await self._app(scope, receive, send)
        else:
            await _send(answer, send)

    async def _find_answer(self, scope: "Scope") -> HotAnswer | None:
        for read in self._reads:
            match = read.pattern.match(scope["path"])
            if match is not None:
                return await self._ask(read, scope, path_values=match.groupdict())
        return None

    async def _ask(self, read: HotRead, scope: "Scope", *, path_values: dict[str, str]) -> HotAnswer | None:
        caller = self._recall_caller(scope["headers"])
        if caller is None or read.scope not in caller.scopes:
            return None
        structlog.contextvars.bind_contextvars(user_id=str(caller.subject))
        scope["route"] = read
        return await read.answer(
            HotRequest(caller, path_values, scope["query_string"], scope["path"], scope["headers"])
        )

    def _recall_caller(self, headers: Headers) -> AccessToken | None:
        sent = [value for name, value in headers if name == b"authorization"]
        if len(sent) != 1 or not sent[0].startswith(b"Bearer "):
            return None
        return self._authenticator.recall(sent[0][7:].decode("latin-1"))


async def _send(answer: HotAnswer, send: "Send") -> None:
    headers = list(answer.headers)
    if answer.body:
        headers += [(b"content-type", b"application/json"), (b"content-length", str(len(answer.body)).encode())]
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": answer.body})
