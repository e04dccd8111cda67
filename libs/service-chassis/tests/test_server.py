"""An application as it is served: in a process of its own, until a signal ends it."""

import http.client
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from local_stack.ports import free_port
from service_chassis.testing.servers import LOOPBACK
from service_chassis.testing.trial_service import answer_of, eventually, write_trial_service

pytestmark = [pytest.mark.resilience, pytest.mark.usefixtures("in_own_directory")]
APPLICATION = """
import asyncio
import gc
from pathlib import Path

from fastapi import FastAPI

from service_chassis.ending import when_asked_to_end


def create_app() -> FastAPI:
    app = FastAPI()
    asked_to_end = asyncio.Event()
    when_asked_to_end(app, asked_to_end.set)

    @app.get("/quick")
    async def quick() -> str:
        return "before"

    @app.get("/left-out-of-garbage-collection")
    async def left_out_of_garbage_collection() -> int:
        return gc.get_freeze_count() if gc.isenabled() else 0

    @app.get("/slow")
    async def slow() -> str:
        Path("slow-has-begun").touch()
        await asyncio.sleep(1)
        return "finished"

    @app.get("/patient")
    async def patient() -> str:
        Path("patient-has-begun").touch()
        await asyncio.wait_for(asked_to_end.wait(), 8)
        return "interrupted"

    return app
"""


@contextmanager
def serving_process(port: int, *options: str, metrics_port: int | None = None) -> Iterator[subprocess.Popen[bytes]]:
    package = write_trial_service(Path(), application=APPLICATION)
    configuration = {
        "ENVIRONMENT": "local",
        "DATABASE_URL": "postgresql://localhost/trial",
        "METRICS_PORT": str(metrics_port or free_port()),
    }
    command = [sys.executable, "-m", package, "serve", "--host", LOOPBACK, "--port", str(port), *options]
    with subprocess.Popen(command, env=os.environ | configuration) as process:
        try:
            yield process
        finally:
            process.kill()


def test_what_is_there_at_the_start_is_left_out_of_garbage_collection() -> None:
    port = free_port()
    with serving_process(port):
        assert eventually(lambda: answer_of(port, "/quick") == '"before"')

        assert int(answer_of(port, "/left-out-of-garbage-collection")) > 10_000


def test_being_asked_to_end_is_no_failure() -> None:
    port = free_port()
    with serving_process(port) as process:
        assert eventually(lambda: answer_of(port, "/quick") == '"before"')

        process.send_signal(signal.SIGTERM)

        assert process.wait(timeout=5) == 0


def test_a_request_that_is_under_way_is_finished_and_measured_before_the_end() -> None:
    port, metrics_port = free_port(), free_port()
    with (
        serving_process(port, metrics_port=metrics_port) as process,
        closing(http.client.HTTPConnection(LOOPBACK, port, timeout=10)) as client,
    ):
        assert eventually(lambda: answer_of(port, "/quick") == '"before"')
        client.request("GET", "/slow")
        assert eventually(Path("slow-has-begun").exists)

        process.send_signal(signal.SIGTERM)

        assert eventually(lambda: answer_of(port, "/quick") == "")
        assert "process_cpu_seconds_total" in answer_of(metrics_port, "/metrics")
        assert client.getresponse().read() == b'"finished"'
        assert process.wait(timeout=5) == 0


def test_a_request_that_waits_is_told_at_once_that_the_process_is_to_end() -> None:
    port = free_port()
    with serving_process(port) as process, closing(http.client.HTTPConnection(LOOPBACK, port, timeout=10)) as client:
        assert eventually(lambda: answer_of(port, "/quick") == '"before"')
        client.request("GET", "/patient")
        assert eventually(Path("patient-has-begun").exists)

        process.send_signal(signal.SIGTERM)

        assert process.wait(timeout=3) == 0
        assert client.getresponse().read() == b'"interrupted"'


def test_a_metrics_port_that_is_taken_stops_the_start_with_one_sentence(capfd: pytest.CaptureFixture[str]) -> None:
    with socket.create_server((LOOPBACK, 0)) as taken:
        metrics_port = taken.getsockname()[1]
        with serving_process(free_port(), metrics_port=metrics_port) as process:
            exit_code = process.wait(timeout=20)

    assert exit_code == 1
    assert (
        capfd.readouterr().err == f"METRICS_PORT: port {metrics_port} can't be listened on: Address already in use.\n"
    )


def test_idle_connections_do_not_delay_the_end() -> None:
    port = free_port()
    with serving_process(port) as process, closing(http.client.HTTPConnection(LOOPBACK, port, timeout=10)) as client:
        assert eventually(lambda: answer_of(port, "/quick") == '"before"')
        client.request("GET", "/quick")
        client.getresponse().read()

        process.send_signal(signal.SIGTERM)

        # Else it would take until the time for requests under way is over, which is ten seconds.
        assert process.wait(timeout=5) == 0


def test_a_change_of_the_source_shows_without_a_restart_by_hand() -> None:
    port, metrics_port = free_port(), free_port()
    with serving_process(port, "--reload", metrics_port=metrics_port) as process:
        assert eventually(lambda: answer_of(port, "/quick") == '"before"')

        Path("trial_service/main.py").write_text(APPLICATION.replace("before", "after"), encoding="utf-8")

        assert eventually(lambda: answer_of(port, "/quick") == '"after"')
        assert "process_cpu_seconds_total" in answer_of(metrics_port, "/metrics")
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=5) == 0
