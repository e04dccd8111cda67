"""The endpoints whose capacity is looked for."""

from dataclasses import dataclass, replace
from typing import Literal

from loadtests.bench.comparisons.items import create_item, get_one, list_items
from loadtests.bench.comparisons.logins import log_in
from loadtests.bench.environment import Bench
from loadtests.bench.generator import Load

ITEMS, ITEM, LOGIN = "/api/v1/items", "/api/v1/items/{item_id}", "/api/v1/auth/login"


@dataclass(frozen=True, kw_only=True)
class Endpoint:
    """Requests of one kind, the route by which the objectives know them, and a rate that is surely kept."""

    service: Literal["auth-service", "items-service"]
    load: Load
    route: str
    first_rate: float = 100.0


def endpoints(bench: Bench) -> list[Endpoint]:
    """Return every kind of request that an objective speaks of and that is asked for often."""
    one, page = get_one(bench), list_items(bench)
    searches = [f"{ITEMS}?q=number+{number}&limit=20" for number in range(0, 1000, 10)]
    bodies = [f'{{"title":"Changed {number}"}}' for number in range(len(one.paths))]
    change = replace(one, name="PATCH an item", method="PATCH", bodies=bodies)
    return [
        Endpoint(service="items-service", load=one, route=ITEM),
        Endpoint(service="items-service", load=page, route=ITEMS),
        Endpoint(service="items-service", load=replace(page, name="GET a search", paths=searches), route=ITEMS),
        Endpoint(service="items-service", load=create_item(bench), route=ITEMS),
        Endpoint(service="items-service", load=change, route=ITEM),
        Endpoint(service="auth-service", load=log_in(bench), route=LOGIN, first_rate=10.0),
    ]
