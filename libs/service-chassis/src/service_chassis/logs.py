"""One JSON object per line on standard output, or coloured lines on a terminal; every library's lines included."""

import asyncio
import logging
import sys
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any, TextIO

import orjson
import structlog
from opentelemetry import trace
from typing_extensions import override

from service_chassis.log_context import log_context, merge_log_context

if TYPE_CHECKING:
    from service_chassis.settings import ServiceSettings


def configure_logging(settings: "ServiceSettings") -> None:
    """Send every line of this process, whoever writes it, through one formatter."""
    on_terminal = settings.log_format == "console" or (settings.log_format == "auto" and sys.stdout.isatty())
    shared: list[structlog.typing.Processor] = [
        merge_log_context,
        *([_add_span] if settings.otel_exporter_otlp_endpoint is not None else []),
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.PositionalArgumentsFormatter(),
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="timestamp"),
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stdout) if on_terminal else JsonLines(sys.stdout)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(foreign_pre_chain=shared, processors=_renderers(on_terminal=on_terminal))
    )
    logging.basicConfig(handlers=[handler], level=settings.log_level, force=True)
    _hand_over_library_loggers(settings)


def write_often(message: str, *, logger: logging.Logger, fields: Mapping[str, object]) -> None:
    """Write a line of the level INFO that comes with every request of a kind; as JSON it takes a short way.

    Of a logger, the short way heeds the level alone.
    """
    json_lines = JsonLines.in_use()
    if json_lines is None:
        structlog.stdlib.get_logger(logger.name).info(message, **fields)
    elif logger.isEnabledFor(logging.INFO):
        json_lines.write(message, logger=logger.name, fields=fields)


class JsonLines(logging.StreamHandler[TextIO]):
    """Writes lines as JSON objects; frequent ones also without a log record, at a fifth of the cost.

    Those of one turn of the event loop go out together: to write one takes longer than to make it.
    """

    def __init__(self, stream: TextIO) -> None:
        super().__init__(stream)
        self._gathered: list[bytes] = []

    @staticmethod
    def in_use() -> "JsonLines | None":
        """Return what writes the lines of this process; None where people read them."""
        for handler in logging.root.handlers:
            if isinstance(handler, JsonLines):
                return handler
        return None

    def write(self, message: str, *, logger: str, fields: Mapping[str, object]) -> None:
        """Write a line of the level INFO with what is bound to the current request."""
        line = orjson.dumps(
            {"timestamp": _now(), "level": "info", "logger": logger, "message": message, **log_context(), **fields},
            option=orjson.OPT_APPEND_NEWLINE,
        )
        self.acquire()
        try:
            is_first = not self._gathered
            self._gathered.append(line)
        finally:
            self.release()
        if is_first:
            _after_this_turn(self.flush)

    @override
    def emit(self, record: logging.LogRecord) -> None:
        # What was gathered was said before.
        self.flush()
        super().emit(record)

    @override
    def flush(self) -> None:
        self.acquire()
        try:
            gathered, self._gathered = self._gathered, []
            if gathered:
                self.stream.write(b"".join(gathered).decode())
            super().flush()
        except (OSError, ValueError):
            # Nobody reads any more, or the stream was closed; no request is to fail for that.
            pass
        finally:
            self.release()


def _after_this_turn(call: Callable[[], None]) -> None:
    """Call something when all else that the event loop can do now is done; at once where none runs."""
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:
        call()
    else:
        loop.call_soon(call)


def _now() -> str:
    seconds, nanoseconds = divmod(time.time_ns(), 1_000_000_000)
    return f"{_second(seconds)}.{nanoseconds // 1000:06}Z"


@lru_cache(maxsize=1)
def _second(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")


def _add_span(*call: Any) -> structlog.typing.EventDict:
    """Name the span inside which a line is written, if it is recorded."""
    line: structlog.typing.EventDict = call[-1]
    span = trace.get_current_span().get_span_context()
    if span.trace_flags.sampled:
        line["trace_id"] = trace.format_trace_id(span.trace_id)
        line["span_id"] = trace.format_span_id(span.span_id)
    return line


def _renderers(*, on_terminal: bool) -> list[structlog.typing.Processor]:
    # Local variables of a traceback can hold secrets, so only its text is shown.
    remove_meta = structlog.stdlib.ProcessorFormatter.remove_processors_meta
    if on_terminal:
        return [remove_meta, structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)]
    tracebacks = structlog.processors.ExceptionRenderer()
    return [remove_meta, structlog.processors.EventRenamer("message"), tracebacks, structlog.processors.JSONRenderer()]


def _hand_over_library_loggers(settings: "ServiceSettings") -> None:
    for name in ("uvicorn", "uvicorn.error"):
        library_logger = logging.getLogger(name)
        library_logger.handlers.clear()
        library_logger.propagate = True
    # Below INFO these write statements' values, headers and bodies, and no secret may reach a log at any level;
    # at INFO they tell every statement and request, which is what somebody asks for with DEBUG.
    level = logging.INFO if settings.log_level == "DEBUG" else logging.WARNING
    for name in ("sqlalchemy", "asyncpg", "httpcore", "httpx", "python_multipart", "watchfiles"):
        logging.getLogger(name).setLevel(level)
    # SQLAlchemy names a pool's logger after the pool's class, and ours is in this module.
    logging.getLogger("service_chassis.database_metrics").setLevel(level)
    # They tell of each attempt, every few seconds while no collector is there; `SpanExport` tells of each change.
    logging.getLogger("opentelemetry.exporter").setLevel(logging.CRITICAL)
