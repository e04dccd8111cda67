"""An application served by several processes: as one to whoever asks it, measures it or ends it."""

import contextlib
import http.client
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest

from local_stack.ports import free_port
from service_chassis.testing.servers import LOOPBACK
from service_chassis.testing.trial_service import answer_of, eventually, write_trial_service

pytestmark = [pytest.mark.resilience, pytest.mark.usefixtures("in_own_directory")]
REQUESTS = 'http_server_request_duration_seconds_count{.*http_route="/process".*}'
LOGGERS = {"gunicorn.error", "uvicorn.error", "access"}
APPLICATION = """
import asyncio
import contextlib
import os
from pathlib import Path

from fastapi import FastAPI
from pydantic import SecretStr

from prometheus_client import Gauge
from service_chassis.application import new_application
from service_chassis.ending import when_asked_to_end
from service_chassis.logs import configure_logging
from service_chassis.metrics import Gauges
from service_chassis.settings import ServiceSettings

SEATS = Gauge("seats", "Two for each tandem.", multiprocess_mode="livesum")


class Settings(ServiceSettings):
    service_prefix = "TRIAL_"
    project_name: str = "trial-service"


@contextlib.asynccontextmanager
async def lifespan(app):
    gauges = Gauges(lambda: SEATS.set(2))
    gauges.start()
    yield
    gauges.close()
    Path(f"{os.getpid()}-has-closed").touch()


def create_app() -> FastAPI:
    settings = Settings()
    configure_logging(settings)
    app = new_application(settings, openapi_path="/openapi.json", lifespan=lifespan)
    asked_to_end = asyncio.Event()
    when_asked_to_end(app, asked_to_end.set)

    @app.get("/process")
    async def process() -> int:
        return os.getpid()

    @app.get("/slow")
    async def slow() -> str:
        Path("slow-has-begun").touch()
        await asyncio.sleep(0.5)
        return "finished"

    @app.get("/patient")
    async def patient() -> str:
        Path("patient-has-begun").touch()
        await asyncio.wait_for(asked_to_end.wait(), 8)
        return "interrupted"

    return app
"""


@dataclass
class Served:
    """The main process, and where it and its workers answer."""

    process: subprocess.Popen[str]
    port: int
    metrics_port: int

    def ask(self, path: str) -> str:
        return answer_of(self.port, path)

    def worker(self) -> int:
        """Return which worker answers now; 0 while none does."""
        return int(self.ask("/process") or 0)

    def metric(self, name: str) -> float:
        lines = re.findall(rf"^{name}(?:{{.*}})? (\S+)$", answer_of(self.metrics_port, "/metrics"), re.MULTILINE)
        return sum(map(float, lines))


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    package, directory = write_trial_service(tmp_path, application=APPLICATION), tmp_path / "metrics"
    directory.mkdir()
    (directory / "counter_1.db").write_bytes(b"what a process left that was killed")
    port, metrics_port = free_port(), free_port()
    configuration = {
        "ENVIRONMENT": "local",
        "DATABASE_URL": "postgresql://localhost/trial",
        "WEB_CONCURRENCY": "2",
        "METRICS_PORT": str(metrics_port),
        "PROMETHEUS_MULTIPROC_DIR": str(directory),
    }
    command = [sys.executable, "-m", package, "serve", "--host", LOOPBACK, "--port", str(port)]
    with subprocess.Popen(
        command, env=os.environ | configuration, stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        served = Served(process, port, metrics_port)
        try:
            assert eventually(lambda: served.metric("seats") == 4)
            yield served
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


def test_what_several_processes_count_is_one_sum_and_outlives_each_of_them(served: Served) -> None:
    answered = 0
    workers: set[int] = set()
    while len(workers) < 2 or answered < 20:
        workers.add(served.worker())
        answered += 1
    requests, processor_seconds = served.metric(REQUESTS), served.metric("process_cpu_seconds_total")

    os.kill(min(workers), signal.SIGKILL)

    assert requests == answered
    assert eventually(lambda: served.worker() not in {0, *workers})
    assert eventually(lambda: served.metric("seats") == 4)
    assert served.metric(REQUESTS) > requests
    assert served.metric("process_cpu_seconds_total") >= processor_seconds
    assert (served.metric("tandem_build_info"), served.metric("http_server_active_requests")) == (1, 0)


def test_being_asked_to_end_lets_every_process_end_in_order(served: Served) -> None:
    with contextlib.ExitStack() as stack:
        connections = [
            stack.enter_context(closing(http.client.HTTPConnection(LOOPBACK, served.port, timeout=10)))
            for _ in range(2)
        ]
        for connection, path in zip(connections, ("slow", "patient"), strict=True):
            connection.request("GET", f"/{path}")
            assert eventually(Path(f"{path}-has-begun").exists)
        served.process.send_signal(signal.SIGTERM)
        answers = [connection.getresponse().read() for connection in connections]
        output, _ = served.process.communicate(timeout=9)

    assert answers == [b'"finished"', b'"interrupted"']
    assert served.process.returncode == 0
    assert len(list(Path().glob("*-has-closed"))) == 2
    assert {json.loads(line)["logger"] for line in output.splitlines()} >= LOGGERS
