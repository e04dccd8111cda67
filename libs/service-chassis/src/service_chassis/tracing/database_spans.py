"""Spans of statements, with their text and never with their values, inside traces that are recorded."""

import re
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import lru_cache, partial
from typing import TYPE_CHECKING

from opentelemetry import trace
from opentelemetry.trace import Span, SpanKind
from opentelemetry.util.types import AttributeValue
from sqlalchemy import URL, Engine, event

from service_chassis.tracing.current import current_tracing, mark_failed

if TYPE_CHECKING:
    from sqlalchemy.engine.interfaces import ExceptionContext

_OPERATION = re.compile(r"\w+")
_TARGET = re.compile(r"\b(?:FROM|INTO|UPDATE)\s+(?:ONLY\s+)?([a-z_]\w*)")
# What a statement of several parts writes; FOR UPDATE writes nothing.
_WRITE = re.compile(r"\b(INSERT(?= INTO)|UPDATE(?= \w+ SET)|DELETE(?= FROM)) (?:INTO |FROM )?(\w+)")
_SPAN = "tandem_span"
_POSTGRES_PORT = 5432
# Most statements belong to traces that are not recorded.
_NOTHING = nullcontext()

Attributes = Mapping[str, AttributeValue]


def trace_statements(engine: Engine) -> None:
    """Record the statements of this engine from now on."""
    event.listen(engine, "before_cursor_execute", partial(_begin_execution, describe_database(engine.url)), named=True)
    event.listen(engine, "after_cursor_execute", _end_execution, named=True)
    event.listen(engine, "handle_error", _fail_execution)


def describe_database(url: URL) -> Attributes:
    """Say what is the same for every statement of a database."""
    return {
        "db.system.name": "postgresql",
        "db.namespace": url.database or "",
        "server.address": url.host or "",
        "server.port": url.port or _POSTGRES_PORT,
    }


def statement_span(statement: str, database: Attributes) -> AbstractContextManager[None]:
    """Record a statement that no engine runs."""
    span = _begin(statement, database)
    return _NOTHING if span is None else _ending(span)


@contextmanager
def _ending(span: Span) -> Iterator[None]:
    try:
        yield
    except BaseException as error:
        _fail(span, error)
        raise
    span.end()


def _begin_execution(database: Attributes, /, *, statement: str, context: object, **_: object) -> None:
    setattr(context, _SPAN, _begin(statement, database))


def _end_execution(*, context: object, **_: object) -> None:
    span: Span | None = getattr(context, _SPAN, None)
    if span is not None:
        span.end()


def _fail_execution(context: "ExceptionContext") -> None:
    _fail(getattr(context.execution_context, _SPAN, None), context.original_exception)


def _begin(statement: str, database: Attributes) -> Span | None:
    parent = trace.get_current_span()
    tracing = current_tracing() if parent.is_recording() else None
    if tracing is None:
        return None
    operation, summary = _summarise(statement)
    attributes = {
        **database,
        "db.operation.name": operation,
        "db.query.summary": summary,
        "db.query.text": statement,
    }
    return tracing.start_span(summary, kind=SpanKind.CLIENT, parent=parent.get_span_context(), attributes=attributes)


def _fail(span: Span | None, error: BaseException) -> None:
    if span is None:
        return
    mark_failed(span, error)
    sqlstate = getattr(error, "sqlstate", None)
    if sqlstate:
        span.set_attribute("db.response.status_code", sqlstate)
    span.end()


@lru_cache(maxsize=1000)
def _summarise(statement: str) -> tuple[str, str]:
    """What a statement does, and that with its tables: `SELECT`, and `SELECT items`."""
    operation = _OPERATION.search(statement)
    name = operation.group().upper() if operation else "SQL"
    if name == "WITH" and (writes := _WRITE.findall(statement)):
        return name, " ".join([name, *(f"{verb} {table}" for verb, table in writes)])
    target = _TARGET.search(statement)
    return name, f"{name} {target.group(1)}" if target else name
