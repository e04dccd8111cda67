"""Measures the compared servers in turn, round after round, so that a slow minute of the machine is everybody's."""

import statistics
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from loadtests.bench.environment import Stack
from loadtests.bench.generator import Load, Run, run_load

WARM_UP_SECONDS = 1


@dataclass(frozen=True, kw_only=True)
class Measured:
    """The medians of one load on one server."""

    load: str
    stack: str
    requests_per_second: float
    cpu_microseconds: float
    median_milliseconds: float
    p99_milliseconds: float


def measure(
    loads: Iterable[Load], stacks: Mapping[str, Stack], *, rounds: int, seconds: int, directory: Path
) -> list[Measured]:
    """Send each load to each server in each round, one at a time."""
    results = []
    for load in loads:
        compared = {name: stack for name, stack in stacks.items() if load.method == "GET" or name != "bare"}
        for stack in compared.values():
            run_load(load, url=stack.url, seconds=WARM_UP_SECONDS, directory=directory)
        runs: dict[str, list[tuple[Run, float]]] = {name: [] for name in compared}
        for _ in range(rounds):
            for name, stack in compared.items():
                before = stack.cpu_seconds()
                run = run_load(load, url=stack.url, seconds=seconds, directory=directory)
                runs[name].append((run, stack.cpu_seconds() - before))
        results += [_medians(load.name, name, runs=of_stack) for name, of_stack in runs.items()]
    return results


def _medians(load: str, stack: str, *, runs: list[tuple[Run, float]]) -> Measured:
    return Measured(
        load=load,
        stack=stack,
        requests_per_second=statistics.median(run.requests_per_second for run, _ in runs),
        cpu_microseconds=statistics.median(1e6 * cpu_seconds / run.requests for run, cpu_seconds in runs),
        median_milliseconds=statistics.median(1e3 * run.median_seconds for run, _ in runs),
        p99_milliseconds=statistics.median(1e3 * run.p99_seconds for run, _ in runs),
    )
