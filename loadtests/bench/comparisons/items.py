"""Reads and writes of items: ours beside the limit, a bare callable, and the same as the guides write it."""

from contextlib import ExitStack

from loadtests.bench.environment import Bench
from loadtests.bench.generator import Load
from loadtests.bench.measurement import Comparison, Measured, Ratio, rate_of

COMPARED = ("bare", "limit", "guide")
GET_ONE, GET_LIST, POST = "GET one item", "GET a list of 20", "POST an item"
# By load: the least shares of the limit, and the least multiples of the guides' way.
AT_LEAST = {GET_ONE: (0.60, 12.0), GET_LIST: (0.50, 8.0), POST: (0.60, None)}


def get_one(bench: Bench) -> Load:
    """Read items by their keys, one after the other."""
    paths = [f"/api/v1/items/{item_id}" for item_id in bench.items.item_ids]
    return Load(name=GET_ONE, paths=paths, token=bench.access_token(bench.items.owner_id))


def list_items(bench: Bench) -> Load:
    """Read the newest page."""
    return Load(name=GET_LIST, paths=["/api/v1/items?limit=20"], token=bench.access_token(bench.items.owner_id))


def create_item(bench: Bench) -> Load:
    """Create items that are all alike."""
    body = '{"title":"Tandem bicycle","description":"Two seats, one direction."}'
    token = bench.access_token(bench.items.owner_id)
    return Load(name=POST, paths=["/api/v1/items"], token=token, method="POST", bodies=[body])


def compare_items(bench: Bench) -> Comparison:
    """Compare the hot endpoints."""
    url = bench.items.url
    with ExitStack() as stack:
        bare, limit, guide = (stack.enter_context(bench.compared(name, database_url=url)) for name in COMPARED)
        tandem = stack.enter_context(bench.items_service(url))
        results = [
            *bench.measure(get_one(bench), bare, limit, guide, tandem),
            *bench.measure(list_items(bench), bare, limit, guide, tandem),
            *bench.measure(create_item(bench), limit, guide, tandem),
        ]
    return Comparison(reference="limit", results=results, ratios=_ratios(results))


def _ratios(results: list[Measured]) -> list[Ratio]:
    ratios = []
    for load, (of_limit, of_guide) in AT_LEAST.items():
        ours = rate_of(results, load=load, stack="tandem")
        limit, guide = rate_of(results, load=load, stack="limit"), rate_of(results, load=load, stack="guide")
        ratios.append(Ratio(what=f"{load}: ours / the limit", measured=ours / limit, at_least=of_limit))
        if of_guide is not None:
            ratios.append(Ratio(what=f"{load}: ours / the guides' way", measured=ours / guide, at_least=of_guide))
    return ratios
