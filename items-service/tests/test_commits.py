"""A 201 is in the database, and what was cut off at COMMIT can be sent again."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from items_service.core.config import Settings
from items_service.main import create_app
from service_chassis.testing.clients import running_client
from service_chassis.testing.databases import EmptyableDatabase
from service_chassis.testing.door import COMMIT, COMMITTED, Door
from service_chassis.testing.issuer import TokenIssuer
from service_chassis.testing.metrics import rise_of

ITEMS = "/api/v1/items"
PATIENCE_SECONDS = 5.0

cut_off = pytest.mark.parametrize("message", [COMMIT, COMMITTED], ids=["before COMMIT arrives", "after it is done"])
requests = pytest.mark.parametrize(
    ("path", "body", "count"),
    [
        pytest.param(ITEMS, {"title": "Tandem bicycle"}, 1, id="create"),
        pytest.param(f"{ITEMS}/batch", {"items": [{"title": "front"}, {"title": "rear"}]}, 2, id="batch"),
    ],
)


@pytest.fixture
async def client(
    new_settings: Callable[..., Settings], door: Door, database: EmptyableDatabase, issuer: TokenIssuer, owner_id: UUID
) -> AsyncIterator[httpx.AsyncClient]:
    # Else the new replica would keep them at a time of its own, which is a commit too.
    await database.execute("INSERT INTO trusted_keys (document) VALUES ($1)", issuer.key_set())
    async with running_client(create_app(new_settings(database_url=door.url))) as client:
        client.headers.update(issuer.authorization(owner_id))
        yield client


async def stored_titles(client: httpx.AsyncClient) -> list[str]:
    listed = (await client.get(ITEMS, params={"sort": "created_at"})).json()["items"]
    return [item["title"] for item in listed]


@cut_off
@requests
async def test_a_request_that_is_cut_off_at_commit_is_no_success(
    client: httpx.AsyncClient, door: Door, message: bytes, path: str, body: dict[str, Any], count: int
) -> None:
    door.cut_once_at(message)

    with rise_of("tandem_items_changed_total") as changes:
        response = await client.post(path, json=body)

    assert changes.by == 0
    assert response.status_code == 503
    assert response.json()["code"] == "database_unavailable"
    assert response.headers["Retry-After"] == "1"
    assert len(await stored_titles(client)) == (0 if message == COMMIT else count)


@cut_off
@requests
async def test_a_retry_with_the_same_key_leaves_what_one_request_would(
    client: httpx.AsyncClient, door: Door, message: bytes, path: str, body: dict[str, Any], count: int
) -> None:
    key = {"Idempotency-Key": str(uuid4())}
    door.cut_once_at(message)
    assert (await client.post(path, json=body, headers=key)).status_code == 503

    retried, again = [await client.post(path, json=body, headers=key) for _ in range(2)]

    assert retried.status_code == again.status_code == 201
    assert retried.json() == again.json()
    assert len(await stored_titles(client)) == count


@cut_off
async def test_a_commit_that_comes_late_and_a_retry_leave_one_item(
    client: httpx.AsyncClient, door: Door, message: bytes
) -> None:
    body, key = {"title": "Tandem bicycle"}, {"Idempotency-Key": str(uuid4())}
    door.hold_once_at(message)
    started_at = time.monotonic()
    assert (await client.post(ITEMS, json=body, headers=key)).status_code == 503
    assert time.monotonic() - started_at < PATIENCE_SECONDS
    await door.open()

    async with asyncio.timeout(PATIENCE_SECONDS):
        while (retried := await client.post(ITEMS, json=body, headers=key)).status_code == 409:
            pass

    assert retried.status_code == 201
    assert await stored_titles(client) == ["Tandem bicycle"]


@cut_off
async def test_a_change_that_is_cut_off_at_commit_is_whole_or_not_at_all(
    client: httpx.AsyncClient, door: Door, message: bytes
) -> None:
    location = (await client.post(ITEMS, json={"title": "old"})).headers["Location"]
    door.cut_once_at(message)

    response = await client.patch(location, json={"title": "new"}, headers={"If-Match": '"1"'})

    item = (await client.get(location)).json()
    assert response.status_code == 503
    assert (item["title"], item["version"]) == (("old", 1) if message == COMMIT else ("new", 2))
