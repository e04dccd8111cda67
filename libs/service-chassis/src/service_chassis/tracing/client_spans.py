"""Spans of calls to other services, which are told the trace that they are part of."""

from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import httpx
from opentelemetry import trace
from opentelemetry.trace import INVALID_SPAN, Span, SpanContext, SpanKind, Status, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from opentelemetry.util.types import AttributeValue

from service_chassis.log_context import log_context
from service_chassis.tracing.current import current_tracing, mark_failed

_PROPAGATOR = TraceContextTextMapPropagator()
# Nobody gets to see it, and zero would mean that there is no trace.
_NO_SPAN_ID = 1


@contextmanager
def client_span(name: str, attributes: Mapping[str, AttributeValue]) -> Iterator[Span]:
    """Record what is done for somebody by another service; where nobody traces, the span is one that does nothing."""
    tracing = current_tracing()
    if tracing is None:
        yield INVALID_SPAN
        return
    span = tracing.start_span(name, kind=SpanKind.CLIENT, parent=_parent(), attributes=attributes)
    # An exception's text can hold values, so the library must not record it.
    with trace.use_span(span, end_on_exit=True, record_exception=False, set_status_on_exception=False):
        try:
            yield span
        except BaseException as error:
            mark_failed(span, error)
            raise


def _parent() -> SpanContext:
    """What a call is part of: the current span, or a request that is not recorded, which has an id and no span."""
    current = trace.get_current_span().get_span_context()
    trace_id = log_context().get("trace_id")
    if current.is_valid or trace_id is None:
        return current
    return SpanContext(int(trace_id, 16), _NO_SPAN_ID, is_remote=False)


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
