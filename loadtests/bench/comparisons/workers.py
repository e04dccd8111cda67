"""Two workers beside one: what each of them answers with a core of its own."""

from loadtests.bench.comparisons.items import GET_ONE, get_one
from loadtests.bench.environment import Bench
from loadtests.bench.measurement import Comparison, Measured, Ratio

WORKERS = 2


def compare_workers(bench: Bench) -> Comparison:
    """Compare WEB_CONCURRENCY=2 with 1.

    The generator and PostgreSQL take their part of the cores, and from two workers more of it. So what is compared is
    what the workers answer in the processor time that they get.
    """
    url = bench.items.url
    with (
        bench.items_service(url, name="one worker") as one,
        bench.items_service(url, name="two workers", settings={"WEB_CONCURRENCY": str(WORKERS)}) as two,
    ):
        of_one, of_two = results = bench.measure(get_one(bench), one, two)
    measured = WORKERS * of_two.requests_per_cpu_second / of_one.requests_per_cpu_second
    ratio = Ratio(what=f"{GET_ONE}: two workers / one, each with a core of its own", measured=measured, at_least=1.8)
    return Comparison(reference="one worker", results=results, ratios=[ratio], note=_note(of_one, of_two))


def _note(one: Measured, two: Measured) -> str:
    return (
        f"On these cores, with PostgreSQL and the generator, two workers answer"
        f" {two.requests_per_second / one.requests_per_second:.2f} times as much as one.\n"
    )
