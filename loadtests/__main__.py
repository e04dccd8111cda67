"""`make load`: runs a profile against `TANDEM_URL`, or against a pair that it starts, and writes its reports."""

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

from loadtests.chart import draw_history
from loadtests.profiles import PROFILES
from local_stack.pair import FEED_CLIENT
from local_stack.pair_settings import PairSettings
from local_stack.ports import LOOPBACK, free_port
from local_stack.running_pair import running_pair

REPOSITORY = Path(__file__).parents[1]
REPORTS = REPOSITORY / "loadtests" / "reports"
WORKERS_WAIT_SECONDS = 30


def main() -> None:
    """Run the load test; its exit code says whether the objectives were kept."""
    parser = argparse.ArgumentParser(prog="make load")
    parser.add_argument("--profile", choices=PROFILES, default="smoke")
    parser.add_argument("--workers", type=int, default=0, help="generate the load with so many processes")
    parser.add_argument("--reports", type=Path, default=REPORTS)
    given = parser.parse_args()
    given.reports.mkdir(exist_ok=True)
    report = given.reports / given.profile
    sys.stderr.write(f"{given.profile}: {PROFILES[given.profile].purpose}\n")
    with _target() as (url, environment):
        status = _run_locust(report, url=url, workers=given.workers, environment=environment)
    draw_history(Path(f"{report}_stats_history.csv"), report.with_suffix(".png"), title=f"Profile {given.profile}")
    sys.stderr.write(f"Reports: {report}.html, {report}.png and {report}_stats.csv\n")
    sys.exit(status)


@contextmanager
def _target() -> Iterator[tuple[str, Mapping[str, str]]]:
    """Give the base URL, and the environment in which a machine client is known."""
    url = os.environ.get("TANDEM_URL")
    if url is not None:
        yield url, os.environ
        return
    with tempfile.TemporaryDirectory() as directory:
        Path(directory).chmod(0o755)
        settings = PairSettings(port=free_port(), working_directory=Path(directory))
        with running_pair(settings, state_directory=Path(directory) / "state") as pair:
            client = {
                "TANDEM_CLIENT_ID": FEED_CLIENT,
                "TANDEM_CLIENT_SECRET": pair.feed_client_secret,
                "TANDEM_FEED_URL": pair.auth_url,
            }
            yield pair.base_url, {**os.environ, **client}


def _run_locust(report: Path, *, url: str, workers: int, environment: Mapping[str, str]) -> int:
    command = [sys.executable, "-m", "locust", "--locustfile", "loadtests/locustfile.py"]
    port = str(free_port())
    master = [*command, "--headless", "--host", url, "--csv", str(report), "--csv-full-history"]
    master += ["--html", f"{report}.html", "--only-summary"]
    if workers:
        master += ["--master", "--master-bind-host", LOOPBACK, "--master-bind-port", port]
        master += ["--expect-workers", str(workers), "--expect-workers-max-wait", str(WORKERS_WAIT_SECONDS)]
    settings = {**environment, "TANDEM_LOAD_PROFILE": report.name}
    with ExitStack() as running:
        # Not by --processes: at the end locust waits for those, and writes into files that it has closed by then.
        for _ in range(workers):
            running.enter_context(_worker([*command, "--worker", "--master-port", port], settings))
        return subprocess.run(master, check=False, cwd=REPOSITORY, env=settings).returncode


@contextmanager
def _worker(command: list[str], environment: Mapping[str, str]) -> Iterator[None]:
    """Run a process that generates load for the master; it ends with it."""
    process = subprocess.Popen(command, cwd=REPOSITORY, env=environment)
    try:
        yield
    finally:
        process.terminate()
        process.wait()


if __name__ == "__main__":
    main()
