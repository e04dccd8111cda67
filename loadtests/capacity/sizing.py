"""Writes the capacities as a table, and the table into loadtests/README.md."""

import math
import re
from collections.abc import Iterable
from pathlib import Path

from loadtests.capacity.measuring import Capacity

README = Path(__file__).parents[1] / "README.md"
BEGIN, END = "<!-- sizing: make capacity KEEP=1 -->", "<!-- end of sizing -->"
# The rest is for the replica that is away, and for the minute until another one is there.
USED_PART = 0.7


def sizing_table(capacities: Iterable[Capacity], *, rate: float, cores: int) -> str:
    """Return what each endpoint takes, and the replicas that a rate needs."""
    machine = f"a machine with {cores} cores that PostgreSQL and the generator share with it"
    columns = "request | highest rate | limited by | cores: service | PostgreSQL | generator | requests/s per core"
    lines = [
        f"One replica with one worker, on {machine}; a replica is given {USED_PART:.0%} of what it bears.\n",
        f"| {columns} | replicas for {rate:,.0f}/s |",
        "|---|---:|---|---:|---:|---:|---:|---:|",
    ]
    lines += [_row(capacity, rate=rate) for capacity in capacities]
    return "\n".join(lines) + "\n"


def keep(table: str, readme: Path = README) -> None:
    """Put the table between its marks."""
    text = readme.read_text(encoding="utf-8")
    between = re.compile(f"(?<={re.escape(BEGIN)}\n).*(?={re.escape(END)})", re.DOTALL)
    readme.write_text(between.sub(lambda _: table, text), encoding="utf-8")


def replicas(capacity: Capacity, *, rate: float) -> int:
    """Return how many replicas a rate needs."""
    return math.ceil(rate / (USED_PART * capacity.requests_per_second))


def _row(capacity: Capacity, *, rate: float) -> str:
    usage = capacity.usage
    needed = f"{replicas(capacity, rate=rate)}" if capacity.requests_per_second else "—"
    return (
        f"| {capacity.endpoint.load.name} | {capacity.requests_per_second:,.0f}/s | {capacity.limited_by}"
        f" | {usage.service:.2f} | {usage.postgres:.2f} | {usage.generator:.2f}"
        f" | {capacity.requests_per_core_second:,.0f} | {needed} |"
    )
