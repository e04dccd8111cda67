"""One line for each request: of the form of all lines, as many as are wanted, and every error of ours."""

import asyncio
import contextlib
import io
import json
import os
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest
import structlog
from fastapi import APIRouter, FastAPI
from typing_extensions import override

from service_chassis.access_log import AccessLog
from service_chassis.log_context import add_to_log_context
from service_chassis.logs import configure_logging
from service_chassis.settings import ServiceSettings
from service_chassis.testing.clients import running_client

Logged = Callable[[], list[dict[str, Any]]]
NewApp = Callable[..., FastAPI]
NewSettings = Callable[..., ServiceSettings]

REQUEST: dict[str, Any] = {"method": "GET", "route": "/things/{thing_id}", "status": 200, "duration_seconds": 0.0123456}

WRITES_IN_ITS_LAST_TURN = """
import asyncio, sys
from service_chassis.logs import JsonLines

lines = JsonLines(sys.stdout)

async def main():
    lines.write("last", logger="access", fields={})

asyncio.run(main())
"""


class Written(io.StringIO):
    """Remembers what was written together."""

    def __init__(self) -> None:
        super().__init__()
        self.writes: list[str] = []

    @override
    def write(self, text: str) -> int:
        self.writes.append(text)
        return len(text)


router = APIRouter(prefix="/things")


@router.get("/{thing_id}")
async def read_thing(thing_id: str) -> str:
    add_to_log_context(user_id="user-1")
    if thing_id == "broken":
        raise RuntimeError
    return thing_id


def test_an_access_line_has_the_form_of_every_line(logged: Logged, new_settings: NewSettings) -> None:
    add_to_log_context(request_id="request-1")
    structlog.stdlib.get_logger("access").info("request", **REQUEST)
    AccessLog(new_settings()).write(**REQUEST)

    ordinary, written = logged()

    timestamps = [line.pop("timestamp") for line in (ordinary, written)]
    assert timestamps == sorted(timestamps)
    assert {len(timestamp) for timestamp in timestamps} == {len("2026-01-01T00:00:00.000000Z")}
    assert written == ordinary | {"duration_seconds": 0.012346}


async def test_the_access_line_says_who_asked_for_what_and_what_became_of_it(new_app: NewApp, logged: Logged) -> None:
    async with running_client(new_app(router)) as client:
        await client.get("/api/v1/things/1", headers={"X-Request-ID": "request-1"})

    line = logged()[-1]

    assert line.keys() == {
        *("timestamp", "level", "logger", "message", "request_id", "trace_id", "user_id"),
        *("method", "route", "status", "duration_seconds"),
    }
    assert (line["user_id"], line["route"], line["status"]) == ("user-1", "/api/v1/things/{thing_id}", 200)


async def test_a_line_that_tells_of_an_error_of_ours_is_always_written(new_app: NewApp, logged: Logged) -> None:
    async with running_client(new_app(router, access_log_sample_ratio=0)) as client:
        for path in ("1", "2", "broken", "3"):
            await client.get(f"/api/v1/things/{path}")

    lines = [line for line in logged() if line["logger"] == "access"]

    assert [line["status"] for line in lines] == [500]


def test_the_ratio_says_how_many_of_the_others_are_written(logged: Logged, new_settings: NewSettings) -> None:
    access_log = AccessLog(new_settings(access_log_sample_ratio=0.5))

    for _ in range(200):
        access_log.write(**REQUEST)

    # Fewer or more happen once in a million runs.
    assert 60 <= len(logged()) <= 140


async def test_the_lines_of_one_turn_of_the_event_loop_go_out_together(new_settings: NewSettings) -> None:
    output, access_log = Written(), AccessLog(new_settings())
    with contextlib.redirect_stdout(output):
        configure_logging(new_settings(log_format="json"))

    for _ in range(3):
        access_log.write(**REQUEST)
    at_once = [*output.writes]
    await asyncio.sleep(0)

    assert at_once == []
    assert [write.count("\n") for write in output.writes] == [3]


async def test_a_line_of_another_kind_comes_after_what_was_said_before_it(
    logged: Logged, new_settings: NewSettings
) -> None:
    AccessLog(new_settings()).write(**REQUEST)
    structlog.stdlib.get_logger("library").warning("said afterwards")

    assert [line["logger"] for line in logged()] == ["access", "library"]


def test_what_was_gathered_goes_out_before_the_process_ends() -> None:
    line = json.loads(subprocess.check_output([sys.executable, "-c", WRITES_IN_ITS_LAST_TURN], text=True))

    assert line["message"] == "last"


def test_a_level_above_info_leaves_access_lines_out(
    capsys: pytest.CaptureFixture[str], new_settings: NewSettings
) -> None:
    settings = new_settings(log_format="json", log_level="WARNING")
    configure_logging(settings)

    AccessLog(settings).write(**REQUEST)

    assert not capsys.readouterr().out


def test_a_console_gets_access_lines_for_people(capsys: pytest.CaptureFixture[str], new_settings: NewSettings) -> None:
    settings = new_settings(log_format="console")
    configure_logging(settings)

    AccessLog(settings).write(**REQUEST)

    output = capsys.readouterr().out
    assert "/things/{thing_id}" in output
    assert not output.startswith("{")


def test_a_reader_of_the_log_that_is_gone_costs_no_request(
    monkeypatch: pytest.MonkeyPatch, new_settings: NewSettings
) -> None:
    read_end, write_end = os.pipe()
    os.close(read_end)
    was_written = False
    # Closing it tries again to write what nobody reads.
    with contextlib.suppress(BrokenPipeError), os.fdopen(write_end, "w", encoding="utf-8") as stdout:
        monkeypatch.setattr(sys, "stdout", stdout)
        configure_logging(new_settings(log_format="json"))

        AccessLog(new_settings()).write(**REQUEST)
        was_written = True

    assert was_written
