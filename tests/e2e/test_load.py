"""The load test itself: every journey gets what it expects from the pair, and a run without answers fails."""

import csv
import os
import subprocess
import sys
from pathlib import Path

import pytest

from local_stack.pair import FEED_CLIENT
from local_stack.ports import free_port
from local_stack.running_pair import RunningPair

pytestmark = pytest.mark.resilience
REPOSITORY = Path(__file__).parents[2]
ROUTES = {
    ("POST", "/api/v1/auth/register"),
    ("POST", "/api/v1/auth/login"),
    ("POST", "/api/v1/auth/token"),
    ("GET", "/api/v1/users/me"),
    ("GET", "/api/v1/items"),
    ("POST", "/api/v1/items"),
    ("POST", "/api/v1/items/batch"),
    ("GET", "/.well-known/jwks.json"),
    ("GET", "/internal/events"),
}


def smoke(url: str, reports: Path, *options: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "loadtests", "--profile", "smoke", "--reports", str(reports), *options],
        cwd=REPOSITORY,
        env={**os.environ, **environment, "TANDEM_URL": url},
        capture_output=True,
        check=False,
        text=True,
    )


def test_every_journey_gets_what_it_expects(pair: RunningPair, tmp_path: Path) -> None:
    client = {
        "TANDEM_CLIENT_ID": FEED_CLIENT,
        "TANDEM_CLIENT_SECRET": pair.feed_client_secret,
        "TANDEM_FEED_URL": pair.auth_url,
    }

    run = smoke(pair.base_url, tmp_path, **client)

    with (tmp_path / "smoke_stats.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert {(row["Type"], row["Name"]) for row in rows} >= ROUTES
    assert [row["Failure Count"] for row in rows] == ["0"] * len(rows), run.stdout
    assert (tmp_path / "smoke.png").read_bytes().startswith(b"\x89PNG")
    # How fast a busy machine is, is no matter of this test; that the exit code says it, is.
    kept = "Every objective was kept." in run.stderr
    assert kept == (run.returncode == 0)


def test_a_run_without_answers_breaks_the_objectives_whichever_process_asked(tmp_path: Path) -> None:
    run = smoke(f"http://127.0.0.1:{free_port()}", tmp_path, "--workers", "1")

    assert run.returncode != 0
    assert "Broken: login-availability:" in run.stderr
