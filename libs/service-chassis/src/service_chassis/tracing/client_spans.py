"""Spans of calls to other services, which are told the trace that they are part of."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from opentelemetry import trace
from opentelemetry.trace import INVALID_SPAN, Span, SpanContext, SpanKind
from opentelemetry.util.types import AttributeValue

from service_chassis.log_context import log_context
from service_chassis.tracing.current import current_tracing, mark_failed, unrecorded_span

# Nobody gets to see it, and zero would mean that there is no trace.
_NO_SPAN_ID = 1


@contextmanager
def client_span(name: str, attributes: Mapping[str, AttributeValue]) -> Iterator[Span]:
    """Record what is done for somebody by another service; where nobody traces, the span is one that does nothing."""
    parent, tracing = _parent(), current_tracing()
    if tracing is not None:
        span = tracing.start_span(name, kind=SpanKind.CLIENT, parent=parent, attributes=attributes)
    else:
        span = unrecorded_span(parent) if parent.is_valid else INVALID_SPAN
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
