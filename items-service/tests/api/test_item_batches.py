import json

import httpx
import pytest

from items_service.schemas.items import MAXIMUM_BATCH_BYTES

ITEMS = "/api/v1/items"
BATCH = f"{ITEMS}/batch"
ITEM = {"title": "Tandem bicycle"}


async def count_items(client: httpx.AsyncClient) -> int:
    return len((await client.get(ITEMS, params={"limit": 100})).json()["items"])


async def test_a_batch_with_one_bad_item_creates_none(client: httpx.AsyncClient) -> None:
    response = await client.post(BATCH, json={"items": [ITEM, {"title": ""}]})

    assert response.status_code == 422
    assert response.json()["errors"][0]["pointer"] == "/items/1/title"
    assert await count_items(client) == 0


@pytest.mark.parametrize("count", [0, 501])
async def test_a_batch_holds_one_to_five_hundred_items(client: httpx.AsyncClient, count: int) -> None:
    response = await client.post(BATCH, json={"items": [ITEM] * count})

    assert response.status_code == 422


@pytest.mark.parametrize("letter", ["x", "車", "😀"])
async def test_a_batch_holds_five_hundred_of_the_longest_titles_however_they_are_escaped(
    client: httpx.AsyncClient, letter: str
) -> None:
    body = json.dumps({"items": [{"title": letter * 200}] * 500}, ensure_ascii=True)

    response = await client.post(BATCH, content=body, headers={"Content-Type": "application/json"})

    assert response.status_code == 201
    items = response.json()["items"]
    assert len({item["id"] for item in items}) == 500
    assert {item["title"] for item in items} == {letter * 200}


async def test_a_batch_has_at_most_two_megabytes(client: httpx.AsyncClient) -> None:
    batch = {"items": [{"title": "x", "description": "y" * 10_000}] * 210}

    response = await client.post(BATCH, json=batch)

    assert len(response.request.content) > MAXIMUM_BATCH_BYTES
    assert response.status_code == 413
    assert response.json()["code"] == "content_too_large"
    assert await count_items(client) == 0


async def test_a_single_item_has_no_more_room_than_any_other_body(client: httpx.AsyncClient) -> None:
    response = await client.post(ITEMS, content=b" " * 65_537, headers={"Content-Type": "application/json"})

    assert response.status_code == 413
