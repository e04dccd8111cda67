import json
import logging
from collections.abc import Callable
from typing import Any

import pytest
import structlog
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags, use_span
from pydantic import SecretStr
from sqlalchemy import text

from service_chassis.database import Database
from service_chassis.logs import configure_logging
from service_chassis.settings import ServiceSettings

Logged = Callable[[], list[dict[str, Any]]]
NewSettings = Callable[..., ServiceSettings]


def fail_with_a_local_secret() -> None:
    password = "tr0ub4dor"
    raise RuntimeError(f"no luck with a password of {len(password)} characters")


def test_every_line_is_one_json_object(logged: Logged) -> None:
    structlog.stdlib.get_logger("trial").info("two\nlines", count=2)

    (line,) = logged()

    assert line.pop("timestamp").endswith("Z")
    assert line == {"level": "info", "logger": "trial", "message": "two\nlines", "count": 2}


def test_lines_of_the_standard_librarys_loggers_have_the_same_form(logged: Logged) -> None:
    logging.getLogger("library").warning("%d of %s", 2, "three")

    (line,) = logged()

    assert line.pop("timestamp").endswith("Z")
    assert line == {"level": "warning", "logger": "library", "message": "2 of three"}


@pytest.mark.parametrize("name", ["uvicorn", "uvicorn.error", "gunicorn.error", "alembic.runtime.migration"])
def test_the_lines_of_servers_and_migrations_have_the_same_form(logged: Logged, name: str) -> None:
    logging.getLogger(name).info("started")

    assert [line["message"] for line in logged()] == ["started"]


@pytest.mark.parametrize("get_logger", [structlog.stdlib.get_logger, logging.getLogger])
def test_an_exception_is_text_inside_its_line(logged: Logged, get_logger: Callable[[str], logging.Logger]) -> None:
    try:
        fail_with_a_local_secret()
    except RuntimeError:
        get_logger("trial").exception("failed")

    (line,) = logged()

    assert "Traceback" in line["exception"]
    assert "RuntimeError: no luck" in line["exception"]
    assert "tr0ub4dor" not in line["exception"]


def test_a_value_that_json_does_not_know_breaks_no_line(logged: Logged) -> None:
    structlog.stdlib.get_logger("trial").info("odd", values={1, 2}, data=b"\xff", secret=SecretStr("tr0ub4dor"))

    (line,) = logged()

    assert "tr0ub4dor" not in json.dumps(line)


def test_lines_below_the_level_are_left_out(capsys: pytest.CaptureFixture[str], new_settings: NewSettings) -> None:
    configure_logging(new_settings(log_format="json", log_level="WARNING"))

    structlog.stdlib.get_logger("trial").info("quiet")
    logging.getLogger("library").info("quiet")

    assert not capsys.readouterr().out


@pytest.mark.parametrize("level", ["DEBUG", "INFO"])
async def test_no_level_shows_the_values_of_a_statement(
    capsys: pytest.CaptureFixture[str], new_settings: NewSettings, database_url: SecretStr, level: str
) -> None:
    settings = new_settings(log_format="json", log_level=level, database_url=database_url)
    configure_logging(settings)
    database = Database(settings)

    async with database.session() as session:
        await session.execute(text("SELECT CAST(:secret AS text)"), {"secret": "tr0ub4dor"})
    await database.close()

    output = capsys.readouterr().out
    assert "tr0ub4dor" not in output
    assert ("SELECT CAST(" in output) == (level == "DEBUG")


def test_a_console_gets_lines_for_people(capsys: pytest.CaptureFixture[str], new_settings: NewSettings) -> None:
    configure_logging(new_settings(log_format="console"))

    structlog.stdlib.get_logger("trial").info("started", port=8000)

    output = capsys.readouterr().out
    assert "started" in output
    assert "\x1b[" in output
    assert not output.startswith("{")


def test_a_console_shows_no_local_variables_of_an_exception(
    capsys: pytest.CaptureFixture[str], new_settings: NewSettings
) -> None:
    configure_logging(new_settings(log_format="console"))

    try:
        fail_with_a_local_secret()
    except RuntimeError:
        structlog.stdlib.get_logger("trial").exception("failed")

    output = capsys.readouterr().out
    assert "RuntimeError: no luck" in output
    assert "tr0ub4dor" not in output


def test_what_is_piped_gets_json_unless_told_otherwise(
    capsys: pytest.CaptureFixture[str], new_settings: NewSettings
) -> None:
    configure_logging(new_settings(log_format="auto"))

    structlog.stdlib.get_logger("trial").info("piped")

    assert json.loads(capsys.readouterr().out)["message"] == "piped"


@pytest.mark.parametrize("flags", [TraceFlags.SAMPLED, TraceFlags.DEFAULT])
def test_a_line_names_the_span_that_it_is_written_in_if_that_is_recorded(
    new_settings: NewSettings, capsys: pytest.CaptureFixture[str], flags: int
) -> None:
    configure_logging(new_settings(log_format="json", otel_exporter_otlp_endpoint="http://127.0.0.1:4317"))
    span = SpanContext(trace_id=10, span_id=11, is_remote=False, trace_flags=TraceFlags(flags))

    with use_span(NonRecordingSpan(span)):
        structlog.stdlib.get_logger("trial").info("inside")

    line = json.loads(capsys.readouterr().out)
    named = {"trace_id": f"{10:032x}", "span_id": f"{11:016x}"} if flags else {}
    assert {name: line[name] for name in ("trace_id", "span_id") if name in line} == named
