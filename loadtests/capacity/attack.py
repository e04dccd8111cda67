"""Sends requests at a constant rate with vegeta, whether they are answered or not, and judges what comes back."""

import base64
import csv
import json
import resource
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from loadtests.bench.generator import Load
from observability.budgets import Budget, load_test_budgets

SLO_FILE = Path(__file__).parents[2] / "deploy" / "observability" / "slo.yaml"
TIMEOUT_SECONDS = 5
# So many requests wait at most; more of them would say nothing new about a server that is overrun.
MAXIMUM_WAITING = 2_000
_NANOSECONDS = 1e9


@dataclass(frozen=True, kw_only=True)
class Attack:
    """What one run at a rate gave."""

    sent_per_second: float
    breaches: list[str]
    generator_cores: float


def attack(load: Load, *, route: str, url: str, rate: float, seconds: int, directory: Path) -> Attack:
    """Send a load at a rate for that long, and judge it by the objectives of its route.

    Raises:
        RuntimeError: a request was refused for what it says, so that the rate would mean nothing.
    """
    before = _cpu_seconds_of_children()
    rows = _run_vegeta(_write_targets(load, url=url, directory=directory), rate=rate, seconds=seconds)
    used = _cpu_seconds_of_children() - before
    times = [int(row[0]) for row in rows]
    budgets = load_test_budgets(SLO_FILE)
    _count(rows, load.method, budgets=budgets, route=route)
    return Attack(
        sent_per_second=len(rows) / ((max(times) - min(times)) / _NANOSECONDS + 1 / rate),
        breaches=[breach for budget in budgets if (breach := budget.breach()) is not None],
        generator_cores=used / seconds,
    )


def _write_targets(load: Load, *, url: str, directory: Path) -> Path:
    file = directory / "targets.json"
    headers = {"Content-Type": [load.content_type]}
    headers |= {"Authorization": [f"Bearer {load.token}"]} if load.token else {}
    with file.open("w", encoding="utf-8") as targets:
        for turn in range(max(len(load.paths), len(load.bodies))):
            body = load.bodies[turn % len(load.bodies)].encode()
            target = {"method": load.method, "url": url + load.paths[turn % len(load.paths)], "header": headers}
            targets.write(json.dumps(target | {"body": base64.b64encode(body).decode()}) + "\n")
    return file


def _run_vegeta(targets: Path, *, rate: float, seconds: int) -> list[list[str]]:
    results = targets.with_name("results.csv")
    command = ["vegeta", "-cpus=1", "attack", "-format=json", f"-targets={targets}", f"-duration={seconds}s"]
    # Rates are whole numbers in a time, which may be longer than a second.
    command += [f"-rate={round(10 * rate)}/10s", f"-timeout={TIMEOUT_SECONDS}s", f"-max-workers={MAXIMUM_WAITING}"]
    attacking = subprocess.run([*command, "-max-body=0"], check=True, capture_output=True)
    encode = ["vegeta", "encode", "--to=csv", f"--output={results}"]
    subprocess.run(encode, check=True, input=attacking.stdout)
    with results.open(encoding="utf-8", newline="") as file:
        return list(csv.reader(file))


def _count(rows: Iterable[list[str]], method: str, *, budgets: list[Budget], route: str) -> None:
    for row in rows:
        status_code, nanoseconds = int(row[1]), int(row[2])
        if 400 <= status_code < 500:  # noqa: PLR2004  # the caller's mistakes, which this one must not make
            raise RuntimeError(f"{method} {route} is answered {status_code}")
        for budget in budgets:
            budget.count(method=method, route=route, status_code=status_code, seconds=nanoseconds / _NANOSECONDS)


def _cpu_seconds_of_children() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime
