"""Answers the requests of which there are most without the framework; what is out of the ordinary goes its way.

A hot endpoint answers what it is sure of, in the same bytes as its route, and leaves everything else to the route: a
token that was not verified yet, a parameter that may be wrong. It stands outside of the framework, whose layers cost
more than its statement, and does for its requests what they do for all others, by the same functions: bounds, ids,
CORS, security headers, metrics, and the access line. A client that hangs up is watched for only where more than one
statement is waited for, as that takes a second at most.
"""

import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from fastapi import Request, Response
from starlette.datastructures import Headers
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.routing import compile_path

from service_chassis.access_log import AccessLog
from service_chassis.access_tokens.authentication import TokenAuthenticator
from service_chassis.access_tokens.claims import AccessToken
from service_chassis.application import Application
from service_chassis.cross_origin import cross_origin_rules
from service_chassis.errors import ServiceError
from service_chassis.hang_up import WatchedConnection
from service_chassis.input_guard import MAXIMUM_BODY_BYTES, find_refusal
from service_chassis.problem_details import service_error_response, unhandled_error_response
from service_chassis.request_context import (
    CLIENT_CLOSED_REQUEST,
    REQUEST_ID_HEADER,
    bind_request_ids,
)
from service_chassis.request_metrics import ACTIVE_REQUESTS, observe_request
from service_chassis.security_headers import with_security_headers

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from service_chassis.settings import ServiceSettings

HeaderLines = Sequence[tuple[bytes, bytes]]


@dataclass(slots=True)
class HotRequest:
    """What a hot endpoint is asked: by whom and from where, for which values of its path and query, with which body."""

    token: AccessToken | None
    address: str
    path_values: dict[str, str]
    query: bytes
    path: str
    headers: Mapping[bytes, bytes]
    body: bytes = b""

    @property
    def caller(self) -> AccessToken:
        """Return who asks, which only an endpoint that takes a scope knows."""
        if self.token is None:
            raise LookupError("this endpoint is for anybody")
        return self.token


@dataclass(frozen=True, slots=True)
class HotAnswer:
    """A body of JSON or none, and what the route would say in the headers."""

    body: bytes = b""
    headers: HeaderLines = ()
    status: int = 200
    media_type: bytes = b"application/json"


# What is told of a request that was cancelled before there was an answer.
_NO_ANSWER = HotAnswer(status=CLIENT_CLOSED_REQUEST)


class HotEndpoint:
    """One endpoint: the method and path as its route declares them, the scope that it takes, and who answers.

    `answer` returns None for what the route shall judge, and raises the route's own errors, which `answer_error` puts
    into the route's form. Only a POST has a body. Without a scope it is for anybody, and no token is looked for. One
    that may wait ends when its client hangs up.
    """

    def __init__(
        self,
        method: str,
        path: str,
        *,
        answer: Callable[[HotRequest], Awaitable[HotAnswer | None]],
        scope: str | None = None,
        may_wait: bool = False,
        answer_error: Callable[[Request, ServiceError], Response] = service_error_response,
    ) -> None:
        self.method = method
        self.path = path
        self.scope = scope
        self.may_wait = may_wait
        self.answer = answer
        self.answer_error = answer_error
        self.pattern, _, _ = compile_path(path)


def install_hot_endpoints(
    app: Application,
    endpoints: Sequence[HotEndpoint],
    *,
    authenticator: TokenAuthenticator[AccessToken],
    settings: "ServiceSettings",
) -> None:
    """Answer these endpoints' requests outside of the framework, inside of tracing and of what knows proxies."""
    hot = Middleware(HotEndpointsMiddleware, endpoints=endpoints, authenticator=authenticator, settings=settings)
    app.outer_layers = [*app.outer_layers, hot]


class HotEndpointsMiddleware:
    """Asks the hot endpoints, and passes on what none of them answers."""

    def __init__(
        self,
        app: "ASGIApp",
        *,
        endpoints: Sequence[HotEndpoint],
        authenticator: TokenAuthenticator[AccessToken],
        settings: "ServiceSettings",
    ) -> None:
        self._app = app
        self._fixed = {(endpoint.method, endpoint.path): endpoint for endpoint in endpoints if "{" not in endpoint.path}
        self._variable = [endpoint for endpoint in endpoints if "{" in endpoint.path]
        self._authenticator = authenticator
        self._access_log = AccessLog(settings)
        rules = cross_origin_rules(settings)
        self._cross_origin = None if rules is None else CORSMiddleware(app, **rules)

    async def __call__(self, scope: "Scope", receive: "Receive", send: "Send") -> None:
        """Answer, or pass the request on."""
        found = self._find(scope)
        if found is None:
            await self._app(scope, receive, send)
            return
        started_at = time.perf_counter()
        endpoint, request = found
        messages = await _receive_body(receive) if endpoint.method == "POST" else []
        request.body = b"".join([message.get("body", b"") for message in messages])
        is_complete = _is_whole(messages) and len(request.body) <= MAXIMUM_BODY_BYTES
        is_answered = False
        if is_complete:
            with WatchedConnection(receive, has_body=False).watched() if endpoint.may_wait else nullcontext():
                # What is broken off because the client has hung up needs no other answer.
                is_answered = True
                is_answered = await self._serve(endpoint, request, scope=scope, send=send, started_at=started_at)
        if not is_answered:
            await self._app(scope, _beginning_with(messages, receive), send)

    def _find(self, scope: "Scope") -> tuple[HotEndpoint, HotRequest] | None:
        """Find who answers what; a request that may have to be refused is left to the middlewares and the route."""
        at = self._at(scope) if scope["type"] == "http" else None
        if at is None:
            return None
        endpoint, path_values = at
        headers = dict(scope["headers"])
        # What a header means that was sent in several lines, the route says.
        is_any_repeated = len(headers) < len(scope["headers"])
        if is_any_repeated or find_refusal(scope, headers, maximum_bytes=MAXIMUM_BODY_BYTES) is not None:
            return None
        token = None if endpoint.scope is None else self._recall_caller(headers)
        if endpoint.scope is not None and (token is None or endpoint.scope not in token.scopes):
            return None
        return endpoint, _hot_request(scope, token=token, path_values=path_values, headers=headers)

    def _at(self, scope: "Scope") -> tuple[HotEndpoint, dict[str, str]] | None:
        method, path = scope["method"], scope["path"]
        fixed = self._fixed.get((method, path))
        if fixed is not None:
            return fixed, {}
        for endpoint in self._variable:
            match = endpoint.pattern.match(path) if endpoint.method == method else None
            if match is not None:
                return endpoint, match.groupdict()
        return None

    def _recall_caller(self, headers: Mapping[bytes, bytes]) -> AccessToken | None:
        sent = headers.get(b"authorization", b"")
        if not sent.startswith(b"Bearer "):
            return None
        try:
            return self._authenticator.recall(sent[7:].decode("latin-1"))
        except ServiceError:
            # It is refused, or nobody can judge it at the moment: the route says which.
            return None

    async def _serve(
        self, endpoint: HotEndpoint, request: HotRequest, *, scope: "Scope", send: "Send", started_at: float
    ) -> bool:
        """Answer and measure; return whether there was an answer."""
        fields = {} if request.token is None else request.token.log_fields
        bind_request_ids(scope, fields, sent_id=request.headers.get(REQUEST_ID_HEADER, b""))
        answer: HotAnswer | None = _NO_ANSWER
        ACTIVE_REQUESTS.inc()
        try:
            answer = await _ask(endpoint, request, scope=scope)
            if answer is not None:
                scope["route"] = endpoint
                await self._send(answer, request, scope=scope, send=send)
        finally:
            ACTIVE_REQUESTS.dec()
            if answer is not None:
                self._tell(endpoint, answer.status, duration_seconds=time.perf_counter() - started_at)
        return answer is not None

    def _tell(self, endpoint: HotEndpoint, status: int, *, duration_seconds: float) -> None:
        method, route = endpoint.method, endpoint.path
        observe_request(method=method, route=route, status=status, duration_seconds=duration_seconds)
        self._access_log.write(method=method, route=route, status=status, duration_seconds=duration_seconds)

    async def _send(self, answer: HotAnswer, request: HotRequest, *, scope: "Scope", send: "Send") -> None:
        if self._cross_origin is not None and b"origin" in request.headers:
            send = partial(self._cross_origin.send, send=send, request_headers=Headers(scope=scope))
        headers = [*answer.headers, (REQUEST_ID_HEADER, scope["state"]["request_id"].encode())]
        if answer.body:
            headers += [(b"content-type", answer.media_type), (b"content-length", str(len(answer.body)).encode())]
        headers = with_security_headers(headers)
        await send({"type": "http.response.start", "status": answer.status, "headers": headers})
        await send({"type": "http.response.body", "body": answer.body})


def _hot_request(
    scope: "Scope", *, token: AccessToken | None, path_values: dict[str, str], headers: Mapping[bytes, bytes]
) -> HotRequest:
    client = scope.get("client")
    address = "" if client is None else client[0]
    return HotRequest(token, address, path_values, scope["query_string"], scope["path"], headers)


async def _ask(endpoint: HotEndpoint, request: HotRequest, *, scope: "Scope") -> HotAnswer | None:
    try:
        return await endpoint.answer(request)
    except ServiceError as error:
        response = endpoint.answer_error(Request(scope), error)
    except Exception as error:  # noqa: BLE001  # it is logged, and answered like any that nobody expected
        response = unhandled_error_response(Request(scope), error)
    headers = [line for line in response.raw_headers if line[0] not in {b"content-type", b"content-length"}]
    return HotAnswer(bytes(response.body), headers, response.status_code, response.headers["content-type"].encode())


async def _receive_body(receive: "Receive") -> list["Message"]:
    """Receive the messages of a body until it is complete or too large; that of a client that hung up is not."""
    messages = [await receive()]
    received_bytes = len(messages[0].get("body", b""))
    while messages[-1].get("more_body") and received_bytes <= MAXIMUM_BODY_BYTES:
        messages.append(await receive())
        received_bytes += len(messages[-1].get("body", b""))
    return messages


def _is_whole(messages: list["Message"]) -> bool:
    return not messages or (messages[-1]["type"] == "http.request" and not messages[-1].get("more_body"))


def _beginning_with(messages: list["Message"], receive: "Receive") -> "Receive":
    """Give what was received already to whoever listens next."""
    remaining = iter(messages)

    async def receive_again() -> "Message":
        return next(remaining, None) or await receive()

    return receive_again
