"""A collector that is away beside no tracing at all."""

from loadtests.bench.comparisons.items import GET_ONE, get_one
from loadtests.bench.environment import Bench
from loadtests.bench.measurement import Comparison, Ratio, rate_of

# What is looked for is small, so it is measured twice as often.
MORE_ROUNDS = 2


def compare_collector(bench: Bench) -> Comparison:
    """Compare a service whose spans nobody takes with one that makes none."""
    url = bench.items.url
    with (
        bench.items_service(url, name="no tracing", settings={"OTEL_EXPORTER_OTLP_ENDPOINT": None}) as without,
        bench.items_service(url, name="dead collector") as dead,
    ):
        results = bench.measure(get_one(bench), without, dead, rounds=MORE_ROUNDS * bench.rounds)
    measured = rate_of(results, load=GET_ONE, stack="dead collector") / rate_of(
        results, load=GET_ONE, stack="no tracing"
    )
    ratio = Ratio(what=f"{GET_ONE}: with a dead collector / without tracing", measured=measured, at_least=0.98)
    return Comparison(reference="no tracing", results=results, ratios=[ratio])
