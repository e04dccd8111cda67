"""Spans of HTTP requests to other services, which are told the trace that they are part of."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import httpx
from opentelemetry.trace import Status, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from service_chassis.tracing.client_spans import client_span

if TYPE_CHECKING:
    from opentelemetry.util.types import AttributeValue

_PROPAGATOR = TraceContextTextMapPropagator()


@asynccontextmanager
async def traced_stream(
    client: httpx.AsyncClient,
    method: str,
    *,
    url: str,
    headers: Mapping[str, str] | None = None,
    **options: Any,  # httpx's own
) -> AsyncIterator[httpx.Response]:
    """Send a request whose path is always the same, and give the answer before its body is read."""
    target = httpx.URL(url)
    attributes: dict[str, AttributeValue] = {
        "http.request.method": method,
        # Without what `options` add to it, and without a name and password.
        "url.full": str(target.copy_with(username=None, password=None, query=None, fragment=None)),
        "server.address": target.host,
        "server.port": target.port or {"https": 443}.get(target.scheme, 80),
    }
    with client_span(f"{method} {target.path}", attributes) as span:
        carrier = dict(headers or {})
        _PROPAGATOR.inject(carrier)
        async with client.stream(method, url, headers=carrier, **options) as response:
            span.set_attribute("http.response.status_code", response.status_code)
            if response.is_error:
                span.set_attribute("error.type", str(response.status_code))
                span.set_status(Status(StatusCode.ERROR))
            yield response
