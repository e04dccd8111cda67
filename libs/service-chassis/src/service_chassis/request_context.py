"""Gives each request its ids, and writes its one access line."""

import re
import time
from typing import TYPE_CHECKING

import structlog
from opentelemetry import trace
from uuid_utils.compat import uuid7

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

REQUEST_ID_HEADER = b"x-request-id"
_WELL_FORMED_REQUEST_ID = re.compile(rb"[A-Za-z0-9._-]{8,64}")
_UNLOGGED_PREFIX = "/health/"
CLIENT_CLOSED_REQUEST = 499

access_logger = structlog.stdlib.get_logger("access")


class RequestContextMiddleware:
    """Binds `request_id` and `trace_id` to everything that happens for a request.

    A client's own `X-Request-ID` is kept when it is well-formed, else replaced; the answer carries it either way.
    """

    def __init__(self, app: "ASGIApp") -> None:
        self._app = app

    async def __call__(self, scope: "Scope", receive: "Receive", send: "Send") -> None:
        """Pass the request on with its ids bound; write the access line when it is over."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = _request_id(scope)
        trace_id = _trace_id()
        scope.setdefault("state", {}).update(request_id=request_id, trace_id=trace_id)
        status = CLIENT_CLOSED_REQUEST
        started_at = time.perf_counter()

        async def send_with_request_id(message: "Message") -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = int(message["status"])
                message["headers"] = [*message["headers"], (REQUEST_ID_HEADER, request_id.encode())]
            await send(message)

        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(request_id=request_id, trace_id=trace_id)
        try:
            await self._app(scope, receive, send_with_request_id)
        finally:
            _write_access_line(scope, status=status, duration_seconds=time.perf_counter() - started_at)


def route_template(scope: "Scope") -> str | None:
    """The path as the route declares it (`/api/v1/items/{item_id}`), so that it never holds a caller's data."""
    # A route of an included router knows only its own part of the path; FastAPI keeps the whole beside it.
    included = scope.get("fastapi", {}).get("effective_route_context")
    path: str | None = getattr(included or scope.get("route"), "path", None)
    return path


def _request_id(scope: "Scope") -> str:
    values: list[bytes] = [value for name, value in scope["headers"] if name == REQUEST_ID_HEADER]
    if len(values) == 1 and _WELL_FORMED_REQUEST_ID.fullmatch(values[0]):
        return values[0].decode("ascii")
    return str(uuid7())


def _trace_id() -> str:
    """The current trace's id; where nobody traces, an id of the same form, so that errors can still be quoted."""
    context = trace.get_current_span().get_span_context()
    return trace.format_trace_id(context.trace_id) if context.is_valid else uuid7().hex


def _write_access_line(scope: "Scope", *, status: int, duration_seconds: float) -> None:
    if f"{scope['path']}/".startswith(_UNLOGGED_PREFIX):
        return
    access_logger.info(
        "request",
        method=scope["method"],
        route=route_template(scope),
        status=status,
        duration_seconds=round(duration_seconds, 6),
    )
