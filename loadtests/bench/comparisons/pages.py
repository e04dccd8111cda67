"""Pages of lists: many items beside few, and a page far behind beside the first one."""

from uuid import UUID, uuid4

import httpx

from loadtests.bench.databases import fill_pages
from loadtests.bench.environment import Bench
from loadtests.bench.generator import Load
from loadtests.bench.measurement import Comparison, Ratio, rate_of
from loadtests.bench.processes import Stack

FEW, MANY = 1_000, 2_000_000
OF_A_COLLECTOR = 210_000
PAGE_SIZE, LARGEST_PAGE_SIZE = 20, 100
FAR_BEHIND = 10_000
AMONG = "GET a page of 20 among few and many"


def compare_pages(bench: Bench) -> Comparison:
    """Compare what must not depend on how many items there are, nor on how far one has walked."""
    owner_id, collector_id = uuid4(), uuid4()
    few = fill_pages(bench.new_database("few_items"), {owner_id: FEW}, items=FEW)
    many = fill_pages(bench.new_database("many_items"), {owner_id: FEW, collector_id: OF_A_COLLECTOR}, items=MANY)
    with (
        bench.items_service(few, name=f"{FEW:,} items") as of_few,
        bench.items_service(many, name=f"{MANY:,} items") as of_many,
    ):
        pages = Load(name=AMONG, paths=[f"/api/v1/items?limit={PAGE_SIZE}"], token=bench.access_token(owner_id))
        results = bench.measure(pages, of_few, of_many)
        first, last = _first_and_far(bench, of_many, collector_id=collector_id)
    of_size = rate_of(results, load=AMONG, stack=of_few.name) / rate_of(results, load=AMONG, stack=of_many.name)
    of_depth = first / last
    return Comparison(
        reference=of_few.name,
        results=results,
        ratios=[
            Ratio(what=f"a page: time among {MANY:,} items / among {FEW:,}", measured=of_size, at_most=1.2),
            Ratio(what=f"a page: time for page {FAR_BEHIND:,} / page 1", measured=of_depth, at_most=1.2),
        ],
        note=f"Of one owner's {OF_A_COLLECTOR:,} items, page 1 is given {first:,.0f} times a second"
        f" and page {FAR_BEHIND:,} {last:,.0f} times.\n",
    )


def _first_and_far(bench: Bench, stack: Stack, *, collector_id: UUID) -> tuple[float, float]:
    """Return how often each of the two pages is given in a second."""
    token = bench.access_token(collector_id)
    first = f"/api/v1/items?limit={PAGE_SIZE}"
    far = f"{first}&cursor={_walk(stack.url, token=token, rows=(FAR_BEHIND - 1) * PAGE_SIZE)}"
    loads = [Load(name=name, paths=[path], token=token) for name, path in (("page 1", first), ("far behind", far))]
    of_first, of_far = bench.measure_each([(load, stack) for load in loads])
    return of_first.requests_per_second, of_far.requests_per_second


def _walk(url: str, *, token: str, rows: int) -> str:
    """Walk as clients do, and return the cursor after so many rows."""
    cursor = ""
    with httpx.Client(base_url=url, headers={"Authorization": f"Bearer {token}"}) as client:
        while rows > 0:
            limit = min(rows, LARGEST_PAGE_SIZE)
            parameters = {"limit": str(limit)} | ({"cursor": cursor} if cursor else {})
            cursor = client.get("/api/v1/items", params=parameters).raise_for_status().json()["next_cursor"]
            rows -= limit
    return cursor
