"""The ladder: what each layer of ours adds to reading one item."""

import sys
from contextlib import ExitStack
from itertools import pairwise

from loadtests.bench.comparisons.items import GET_ONE, get_one
from loadtests.bench.environment import Bench
from loadtests.bench.measurement import Comparison, Measured
from loadtests.bench.stacks.ladder import LAYERS

COMMAND = [sys.executable, "-m", "loadtests.bench.stacks.ladder"]
# There are so many rungs that each gets half of the usual time.
SECONDS = 1
BARE, HOT_ENDPOINT, TRACING = "bare", "+ a hot endpoint without anything", "+ tracing, 1 in 100 recorded"


def climb_ladder(bench: Bench) -> Comparison:
    """Measure the application with no layer, with one, with two …, all of them in each round."""
    names = [HOT_ENDPOINT, *(f"+ {layer}" for layer in LAYERS)]
    url = bench.items.url
    with ExitStack() as running:
        stacks = [running.enter_context(bench.compared(BARE, database_url=url))]
        for layers, name in enumerate(names):
            settings = {"OTEL_EXPORTER_OTLP_ENDPOINT": None, "LADDER_LAYERS": str(layers)}
            stacks.append(
                running.enter_context(bench.items_service(url, name=name, settings=settings, command=COMMAND))
            )
        stacks.append(running.enter_context(bench.items_service(url, name=TRACING)))
        results = bench.measure(get_one(bench), *stacks, seconds=SECONDS)
    return Comparison(reference=BARE, results=results, ratios=[], note=_note(results))


def _note(results: list[Measured]) -> str:
    lines = [f"What each layer adds to {GET_ONE}, in processor time of the server:\n", "| layer | adds |", "|---|---:|"]
    lines += [
        f"| {higher.stack.removeprefix('+ ')} | {higher.cpu_microseconds - lower.cpu_microseconds:+,.0f} µs |"
        for lower, higher in pairwise(results)
    ]
    return "\n".join(lines) + "\n"
