"""Two workers beside one: what each of them answers with a core of its own."""

from dataclasses import replace

from loadtests.bench.comparisons.items import GET_ONE, get_one
from loadtests.bench.environment import Bench
from loadtests.bench.generator import CONNECTIONS
from loadtests.bench.measurement import Comparison, Measured, Ratio

WORKERS = 2


def compare_workers(bench: Bench) -> Comparison:
    """Compare WEB_CONCURRENCY=2 with 1.

    The generator and PostgreSQL take their part of the cores, and from two workers more of it. So what is compared is
    what the workers answer in the processor time that they get. Each has as many connections, since reads that wait
    together share a statement.
    """
    url, load = bench.items.url, get_one(bench)
    load_of_one = replace(load, connections=CONNECTIONS // WORKERS)
    with (
        bench.items_service(url, name="one worker") as one,
        bench.items_service(url, name="two workers", settings={"WEB_CONCURRENCY": str(WORKERS)}) as two,
    ):
        of_one, of_two = results = bench.measure_each([(load_of_one, one), (load, two)])
    measured = WORKERS * of_two.requests_per_cpu_second / of_one.requests_per_cpu_second
    ratio = Ratio(what=f"{GET_ONE}: two workers / one, each with a core of its own", measured=measured, at_least=1.8)
    return Comparison(reference="one worker", results=results, ratios=[ratio], note=_note(of_one, of_two))


def _note(one: Measured, two: Measured) -> str:
    return (
        f"Each worker has {CONNECTIONS // WORKERS} connections. On these cores, with PostgreSQL and the generator, two"
        f" workers answer {two.requests_per_second / one.requests_per_second:.2f} times as much as one.\n"
    )
