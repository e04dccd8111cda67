"""Gives each request its ids, and writes its one access line."""

import re
import time
from typing import TYPE_CHECKING

from opentelemetry import trace
from uuid_utils import uuid7

from service_chassis.log_context import begin_log_context

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from service_chassis.access_log import AccessLog

REQUEST_ID_HEADER = b"x-request-id"
_WELL_FORMED_REQUEST_ID = re.compile(rb"[A-Za-z0-9._-]{8,64}")
CLIENT_CLOSED_REQUEST = 499
_PROBES_PREFIX = "/health/"


class RequestContextMiddleware:
    """Binds `request_id` and `trace_id` to everything that happens for a request.

    A client's own `X-Request-ID` is kept when it is well-formed, else replaced; the answer carries it either way.
    """

    def __init__(self, app: "ASGIApp", *, access_log: "AccessLog") -> None:
        self._app = app
        self._access_log = access_log

    async def __call__(self, scope: "Scope", receive: "Receive", send: "Send") -> None:
        """Pass the request on with its ids bound; write the access line when it is over."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = bind_request_ids(scope, {}, sent_id=_sent_id(scope))
        status = CLIENT_CLOSED_REQUEST
        started_at = time.perf_counter()

        async def send_with_request_id(message: "Message") -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = int(message["status"])
                message["headers"] = [*message["headers"], (REQUEST_ID_HEADER, request_id.encode())]
            await send(message)

        try:
            await self._app(scope, receive, send_with_request_id)
        finally:
            if not is_probe(scope):
                self._access_log.write(
                    method=scope["method"],
                    route=route_template(scope),
                    status=status,
                    duration_seconds=time.perf_counter() - started_at,
                )


def bind_request_ids(scope: "Scope", fields: "Mapping[str, str]", *, sent_id: bytes) -> str:
    """Bind the ids of a request that begins to its scope and to every line that is written for it; return its own.

    Its lines say the `fields` as well. `sent_id` is what its client calls it, if anything.
    """
    ids = {"request_id": _request_id(sent_id), **_trace_ids()}
    scope.setdefault("state", {}).update(ids)
    begin_log_context({**ids, **fields})
    return ids["request_id"]


def route_template(scope: "Scope") -> str | None:
    """The path as the route declares it (`/api/v1/items/{item_id}`), so that it never holds a caller's data."""
    # A route of an included router knows only its own part of the path; FastAPI keeps the whole beside it.
    included = scope.get("fastapi", {}).get("effective_route_context")
    path: str | None = getattr(included or scope.get("route"), "path", None)
    return path


def is_probe(scope: "Scope") -> bool:
    """Whether this is a question of an orchestrator, which nobody wants to read about."""
    path: str = scope["path"]
    return path.startswith(_PROBES_PREFIX) or path == "/health"


def _sent_id(scope: "Scope") -> bytes:
    values: list[bytes] = [value for name, value in scope["headers"] if name == REQUEST_ID_HEADER]
    return values[0] if len(values) == 1 else b""


def _request_id(sent: bytes) -> str:
    return sent.decode("ascii") if _WELL_FORMED_REQUEST_ID.fullmatch(sent) else str(uuid7())


def _trace_ids() -> dict[str, str]:
    """The current trace's ids; where nobody traces, an id of the same form, so that errors can still be quoted.

    A `span_id` says that the trace was recorded and can be looked up.
    """
    span = trace.get_current_span().get_span_context()
    if not span.is_valid:
        return {"trace_id": uuid7().hex}
    ids = {"trace_id": trace.format_trace_id(span.trace_id)}
    if span.trace_flags.sampled:
        ids["span_id"] = trace.format_span_id(span.span_id)
    return ids
