"""A collector that is away beside no tracing at all."""

import time
from collections.abc import Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import asdict, replace
from statistics import fmean
from typing import Any

from loadtests.bench.comparisons.items import GET_ONE, get_one
from loadtests.bench.environment import Bench
from loadtests.bench.measurement import WARM_UP_SECONDS, Comparison, Measured, Ratio
from loadtests.bench.processes import Stack
from service_chassis.tracing.export import EXPORT_EVERY_SECONDS, EXPORT_SECONDS

# What is looked for is smaller than what one process differs from another that does the same, so there are several.
PROCESSES = 5
# From the first span until a service knows that nobody takes any.
NOTICING_SECONDS = EXPORT_EVERY_SECONDS + EXPORT_SECONDS


def compare_collector(bench: Bench) -> Comparison:
    """Compare services whose spans nobody takes with such that make none."""
    load = get_one(bench)
    with ExitStack() as running:
        stacks = [running.enter_context(stack) for _ in range(PROCESSES) for stack in _one_of_each(bench)]
        bench.measure(load, *stacks, rounds=1, seconds=WARM_UP_SECONDS)
        time.sleep(NOTICING_SECONDS)
        results = bench.measure(load, *stacks)
    without, dead = _mean(results[::2]), _mean(results[1::2])
    ratio = Ratio(
        what=f"{GET_ONE}: with a dead collector / without tracing",
        measured=dead.requests_per_second / without.requests_per_second,
        at_least=0.98,
    )
    note = (
        f"Means of {PROCESSES} processes each, {NOTICING_SECONDS:g} s after their first spans: they know that nobody"
        " takes any.\n"
    )
    return Comparison(reference="no tracing", results=[without, dead], ratios=[ratio], note=note)


def _one_of_each(bench: Bench) -> list[AbstractContextManager[Stack]]:
    url = bench.items.url
    return [
        bench.items_service(url, name="no tracing", settings={"OTEL_EXPORTER_OTLP_ENDPOINT": None}),
        bench.items_service(url, name="dead collector"),
    ]


def _mean(results: Sequence[Measured]) -> Measured:
    names = [name for name, value in asdict(results[0]).items() if isinstance(value, float)]
    means: dict[str, Any] = {name: fmean(getattr(each, name) for each in results) for name in names}
    return replace(results[0], **means)
