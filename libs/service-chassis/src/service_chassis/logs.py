"""One JSON object per line on standard output, or coloured lines on a terminal; every library's lines included."""

import logging
import sys
from typing import TYPE_CHECKING

import structlog

if TYPE_CHECKING:
    from service_chassis.settings import ServiceSettings


def configure_logging(settings: "ServiceSettings") -> None:
    """Send every line of this process, whoever writes it, through one formatter."""
    on_terminal = settings.log_format == "console" or (settings.log_format == "auto" and sys.stdout.isatty())
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
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
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(foreign_pre_chain=shared, processors=_renderers(on_terminal=on_terminal))
    )
    logging.basicConfig(handlers=[handler], level=settings.log_level, force=True)
    _hand_over_library_loggers(settings)


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
