"""Decides which traces are recorded, before anything of them is built, and says who records the current one."""

import random
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from opentelemetry import context as context_api
from opentelemetry import trace
from opentelemetry.trace import NonRecordingSpan, Span, SpanContext, SpanKind, Status, StatusCode, TraceFlags, Tracer
from opentelemetry.util.types import AttributeValue

_TRACING = context_api.create_key("tandem-tracing")
_UNTRACED = context_api.Context()
_NOT_SAMPLED = TraceFlags()


class Tracing:
    """Makes the spans of one application: all of a trace, or none."""

    def __init__(self, tracer: Tracer, *, sample_ratio: float, admits_trace: Callable[[], bool]) -> None:
        self._tracer = tracer
        self._admits_trace = admits_trace
        self.sample_ratio = sample_ratio
        """Which part of the traces that begin here is drawn to be recorded."""
        self._context = context_api.set_value(_TRACING, self, _UNTRACED)

    def records(self, parent: SpanContext, *, is_drawn: bool) -> bool:
        """Decide about a trace as its parent has done already; one that begins is drawn, and has to have room."""
        return parent.trace_flags.sampled if parent.is_valid else is_drawn and self._admits_trace()

    def start_span(
        self, name: str, *, kind: SpanKind, parent: SpanContext, attributes: Mapping[str, AttributeValue] | None = None
    ) -> Span:
        """Begin a span, or what merely carries the id of a trace that is not recorded."""
        is_drawn = random.random() < self.sample_ratio  # noqa: S311  # no secret
        if self.records(parent, is_drawn=is_drawn):
            return self.record_span(name, kind=kind, parent=parent, attributes=attributes)
        return unrecorded_span(parent)

    def record_span(
        self, name: str, *, kind: SpanKind, parent: SpanContext, attributes: Mapping[str, AttributeValue] | None = None
    ) -> Span:
        """Begin a span of a trace that is recorded."""
        context = trace.set_span_in_context(NonRecordingSpan(parent), _UNTRACED)
        return self._tracer.start_span(name, context, kind=kind, attributes=attributes)

    def context_with(self, span: Span) -> context_api.Context:
        """Return the context in which this span is the current one."""
        return trace.set_span_in_context(span, self._context)

    @contextmanager
    def being_current(self) -> Iterator[None]:
        """Have whatever begins inside, tasks included, begin its traces here."""
        token = context_api.attach(self._context)
        try:
            yield
        finally:
            context_api.detach(token)


def current_tracing() -> Tracing | None:
    """Return who records the traces of this task; None when nobody does."""
    tracing = context_api.get_value(_TRACING)
    return tracing if isinstance(tracing, Tracing) else None


def unrecorded_span(parent: SpanContext) -> Span:
    """Return what merely carries the id of a trace that nobody records."""
    return NonRecordingSpan(
        SpanContext(
            trace_id=parent.trace_id or random.getrandbits(128),
            span_id=random.getrandbits(64),
            is_remote=False,
            trace_flags=_NOT_SAMPLED,
            trace_state=parent.trace_state,
        )
    )


def mark_failed(span: Span, error: BaseException) -> None:
    """Say that an error ended a span; its text can hold values, and stays in the log."""
    span.set_attribute("error.type", type(error).__qualname__)
    span.set_status(Status(StatusCode.ERROR))
