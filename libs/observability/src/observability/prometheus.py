"""A Prometheus server of one's own, with the rules loaded, that scrapes the local services."""

import contextlib
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import yaml

from local_stack.errors import LocalStackError
from local_stack.guard import Guard
from local_stack.ports import LOOPBACK, free_port

START_TIMEOUT_SECONDS = 30.0
STOP_TIMEOUT_SECONDS = 5.0
MISSING = "Prometheus is not installed: apt install prometheus (Debian, Ubuntu), or brew install prometheus (macOS)."

Series = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class PrometheusSettings:
    """What to scrape and which rules to evaluate; everything that is written lies in `directory`."""

    directory: Path
    targets_file: Path
    rules: dict[str, str]
    interval_seconds: int = 5
    port: int | None = None


class Prometheus:
    """The HTTP API of a running server."""

    def __init__(self, url: str) -> None:
        self.url = url
        # trust_env: a proxy in the environment is for the internet, not for this machine.
        self._client = httpx.Client(base_url=url, timeout=10, trust_env=False)

    def close(self) -> None:
        """Close the connections to the server."""
        self._client.close()

    def is_ready(self) -> bool:
        """Tell whether the server answers queries."""
        try:
            return self._client.get("/-/ready").is_success
        except httpx.TransportError:
            return False

    def query(self, expression: str) -> list[Series]:
        """Return what an expression gives right now.

        Raises:
            ValueError: when the server can't evaluate it.
        """
        found: list[Series] = self._get("query", query=expression)["result"]
        return found

    def query_range(self, expression: str, *, start: float, end: float, step_seconds: float) -> list[Series]:
        """Return what an expression gave over some time."""
        answer = self._get("query_range", query=expression, start=start, end=end, step=step_seconds)
        found: list[Series] = answer["result"]
        return found

    def firing_alerts(self) -> list[dict[str, str]]:
        """Return the labels of each alert that fires."""
        return [alert["labels"] for alert in self._get("alerts")["alerts"] if alert["state"] == "firing"]

    def rules(self) -> list[dict[str, Any]]:
        """Return every rule with its health."""
        return [rule for group in self._get("rules")["groups"] for rule in group["rules"]]

    def _get(self, path: str, **parameters: str | float) -> Any:  # noqa: ANN401 - whatever the API answers
        response = self._client.get(f"/api/v1/{path}", params=parameters)
        answer = response.json()
        if answer["status"] != "success":
            raise ValueError(f"{answer['error']}: {parameters}")
        return answer["data"]


@contextlib.contextmanager
def running_prometheus(settings: PrometheusSettings) -> Iterator[Prometheus]:
    """Run a server until the block ends; it ends with this process as well.

    Raises:
        LocalStackError: when Prometheus is not installed or does not start.
    """
    program = shutil.which("prometheus")
    if program is None:
        raise LocalStackError(MISSING)
    port = settings.port or free_port()
    settings.directory.mkdir(parents=True, exist_ok=True)
    arguments = [program, *_arguments(settings, port=port)]
    guard = Guard()
    log_file = settings.directory / "prometheus.log"
    with log_file.open("wb") as log:
        process = subprocess.Popen(
            guard.command(*arguments),
            pass_fds=guard.pass_fds,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    prometheus = Prometheus(f"http://{LOOPBACK}:{port}")
    try:
        _wait_until_ready(prometheus, process=process, log_file=log_file)
        yield prometheus
    finally:
        prometheus.close()
        _stop(process)
        guard.forget(process.pid)
        guard.close()


def _arguments(settings: PrometheusSettings, *, port: int) -> list[str]:
    rules = settings.directory / "rules"
    shutil.rmtree(rules, ignore_errors=True)
    rules.mkdir()
    for name, text in settings.rules.items():
        (rules / name).write_text(text)
    interval = f"{settings.interval_seconds}s"
    configuration = {
        "global": {"scrape_interval": interval, "scrape_timeout": interval, "evaluation_interval": interval},
        "rule_files": [f"{rules.absolute()}/*.yaml"],
        "scrape_configs": [
            {
                "job_name": "tandem",
                "file_sd_configs": [{"files": [str(settings.targets_file.absolute())], "refresh_interval": "5s"}],
            }
        ],
    }
    file = settings.directory / "prometheus.yaml"
    file.write_text(yaml.safe_dump(configuration))
    return [
        f"--config.file={file}",
        f"--storage.tsdb.path={settings.directory / 'data'}",
        "--storage.tsdb.retention.time=3d",
        "--enable-feature=exemplar-storage",
        f"--web.listen-address={LOOPBACK}:{port}",
        "--log.level=warn",
    ]


def _wait_until_ready(prometheus: Prometheus, *, process: "subprocess.Popen[bytes]", log_file: Path) -> None:
    deadline = time.monotonic() + START_TIMEOUT_SECONDS
    while not prometheus.is_ready():
        if process.poll() is not None or time.monotonic() > deadline:
            last_line = (log_file.read_text(errors="replace").splitlines() or ["(no line)"])[-1]
            raise LocalStackError(f"Prometheus did not start; its last line: {last_line}")
        time.sleep(0.05)


def _stop(process: "subprocess.Popen[bytes]") -> None:
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(timeout=STOP_TIMEOUT_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
