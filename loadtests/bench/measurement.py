"""Measures the compared servers in turn, round after round, so that a slow minute of the machine is everybody's."""

import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from loadtests.bench.generator import Load, Run, run_load
from loadtests.bench.processes import Stack

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
    resident_megabytes: float

    @property
    def requests_per_cpu_second(self) -> float:
        """How many requests a whole core of the serving processes would answer."""
        return 1e6 / self.cpu_microseconds


@dataclass(frozen=True, kw_only=True)
class Ratio:
    """What was to be reached, and what was."""

    what: str
    measured: float
    at_least: float | None = None
    at_most: float | None = None

    @property
    def is_kept(self) -> bool:
        """Whether it was reached."""
        return (self.at_least or 0) <= self.measured <= (self.at_most or self.measured)


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """What one comparison gave: what was to be reached, and figures, each beside those of the reference."""

    ratios: Sequence[Ratio]
    results: Sequence[Measured] = ()
    reference: str = ""
    note: str = ""


def measure(loaded: Sequence[tuple[Load, Stack]], *, rounds: int, seconds: int, directory: Path) -> list[Measured]:
    """Send each load to its server in each round, one at a time."""
    for load, stack in loaded:
        run_load(load, url=stack.url, seconds=WARM_UP_SECONDS, directory=directory)
    runs: list[list[tuple[Run, float]]] = [[] for _ in loaded]
    for _ in range(rounds):
        for (load, stack), of_this in zip(loaded, runs, strict=True):
            before = stack.cpu_seconds()
            run = run_load(load, url=stack.url, seconds=seconds, directory=directory)
            of_this.append((run, stack.cpu_seconds() - before))
    return [_medians(load.name, stack, runs=of_this) for (load, stack), of_this in zip(loaded, runs, strict=True)]


def rate_of(results: Iterable[Measured], *, load: str, stack: str) -> float:
    """Return the requests per second of a server under a load."""
    return next(each.requests_per_second for each in results if (each.load, each.stack) == (load, stack))


def _medians(load: str, stack: Stack, *, runs: list[tuple[Run, float]]) -> Measured:
    return Measured(
        load=load,
        stack=stack.name,
        requests_per_second=statistics.median(run.requests_per_second for run, _ in runs),
        cpu_microseconds=statistics.median(1e6 * cpu_seconds / run.requests for run, cpu_seconds in runs),
        median_milliseconds=statistics.median(1e3 * run.median_seconds for run, _ in runs),
        p99_milliseconds=statistics.median(1e3 * run.p99_seconds for run, _ in runs),
        resident_megabytes=stack.resident_megabytes(),
    )
