"""Any sequence of requests leaves the service with what a dictionary would hold."""

import asyncio
from collections.abc import Coroutine
from contextlib import AsyncExitStack
from typing import Any, TypeVar
from uuid import uuid4

from hypothesis import settings as hypothesis_settings
from hypothesis import strategies
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    invariant,
    multiple,
    rule,
    run_state_machine_as_test,
)

from items_service.core.config import Settings
from items_service.main import create_app
from service_chassis.testing.clients import running_client
from service_chassis.testing.issuer import TokenIssuer

ITEMS = "/api/v1/items"
Result = TypeVar("Result")

titles = strategies.text(
    strategies.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=200
)
limits = strategies.integers(min_value=1, max_value=4)


class ItemsMachine(RuleBasedStateMachine):
    """One user's requests, and beside them the model: a title and a version by id, oldest first."""

    items = Bundle("items")

    settings_of_service: Settings
    issuer: TokenIssuer

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.stack = AsyncExitStack()
        client = running_client(create_app(self.settings_of_service))
        self.client = self.run(self.stack.enter_async_context(client))
        self.client.headers.update(self.issuer.authorization(uuid4()))
        self.model: dict[str, tuple[str, int]] = {}

    def run(self, step: Coroutine[Any, Any, Result]) -> Result:
        return self.loop.run_until_complete(step)

    def teardown(self) -> None:
        self.run(self.stack.aclose())
        self.loop.close()

    @rule(target=items, title=titles)
    def create(self, title: str) -> str:
        response = self.run(self.client.post(ITEMS, json={"title": title}))
        item_id: str = response.json()["id"]
        self.model[item_id] = (title, 1)
        return item_id

    @rule(title=titles, key=strategies.uuids())
    def create_twice_with_one_key(self, title: str, key: object) -> None:
        body, headers = {"title": title}, {"Idempotency-Key": str(key)}
        first, second = (self.run(self.client.post(ITEMS, json=body, headers=headers)) for _ in range(2))
        assert first.json() == second.json()
        self.model[first.json()["id"]] = (title, 1)

    @rule(item_id=items, title=titles)
    def change(self, item_id: str, title: str) -> None:
        version = self.model[item_id][1]
        headers = {"If-Match": f'"{version}"'}
        response = self.run(self.client.patch(f"{ITEMS}/{item_id}", json={"title": title}, headers=headers))
        assert response.headers["ETag"] == f'"{version + 1}"'
        self.model[item_id] = (title, version + 1)

    @rule(item_id=items, title=titles)
    def change_a_stale_version(self, item_id: str, title: str) -> None:
        headers = {"If-Match": f'"{self.model[item_id][1] - 1}"'}
        response = self.run(self.client.patch(f"{ITEMS}/{item_id}", json={"title": title}, headers=headers))
        assert response.status_code == 412

    @rule(item_id=consumes(items))
    def delete(self, item_id: str) -> None:
        assert self.run(self.client.delete(f"{ITEMS}/{item_id}")).status_code == 204
        assert self.run(self.client.get(f"{ITEMS}/{item_id}")).status_code == 404
        del self.model[item_id]

    @rule(target=items, batch=strategies.lists(titles, min_size=1, max_size=3))
    def create_batch(self, batch: list[str]) -> object:
        body = {"items": [{"title": title} for title in batch]}
        created = self.run(self.client.post(f"{ITEMS}/batch", json=body)).json()["items"]
        self.model |= {item["id"]: (title, 1) for item, title in zip(created, batch, strict=True)}
        return multiple(*(item["id"] for item in created))

    @rule(limit=limits, sort=strategies.sampled_from(["created_at", "updated_at", "title"]))
    def walk_over_the_pages_forwards_and_backwards(self, limit: int, sort: str) -> None:
        forwards, backwards = self.walk(limit, sort), self.walk(limit, f"-{sort}")
        assert forwards == backwards[::-1]
        assert sorted(forwards) == sorted(self.model)
        if sort == "created_at":
            assert forwards == list(self.model)

    def walk(self, limit: int, sort: str) -> list[str]:
        response = self.run(self.client.get(ITEMS, params={"limit": limit, "sort": sort}))
        walked = [item["id"] for item in response.json()["items"]]
        while "next" in response.links:
            response = self.run(self.client.get(response.links["next"]["url"]))
            walked += [item["id"] for item in response.json()["items"]]
        return walked

    @invariant()
    def the_service_holds_what_the_model_holds(self) -> None:
        listed = self.run(self.client.get(ITEMS, params={"limit": 100})).json()["items"]
        assert {item["id"]: (item["title"], item["version"]) for item in listed} == self.model


def test_the_service_holds_what_a_dictionary_would(settings: Settings, issuer: TokenIssuer) -> None:
    bounded = hypothesis_settings(max_examples=8, stateful_step_count=12, deadline=None, derandomize=True)

    machine = type("Machine", (ItemsMachine,), {"settings_of_service": settings, "issuer": issuer})
    run_state_machine_as_test(machine, settings=bounded)
