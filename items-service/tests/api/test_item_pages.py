from typing import Any
from uuid import uuid4

import httpx
import pytest

from service_chassis.testing.issuer import TokenIssuer

ITEMS = "/api/v1/items"


async def create_many(client: httpx.AsyncClient, count: int) -> list[str]:
    """Create items and return their ids, newest first."""
    ids = [(await client.post(ITEMS, json={"title": f"item {number}"})).json()["id"] for number in range(count)]
    return ids[::-1]


async def create_batch(client: httpx.AsyncClient, count: int) -> list[str]:
    batch = {"items": [{"title": "same"}] * count}
    created = (await client.post(f"{ITEMS}/batch", json=batch)).json()["items"]
    return [item["id"] for item in created]


async def get_page(client: httpx.AsyncClient, **parameters: str | int) -> dict[str, Any]:
    response = await client.get(ITEMS, params=parameters)
    assert response.status_code == 200, response.text
    page: dict[str, Any] = response.json()
    return page


async def test_the_newest_item_comes_first(client: httpx.AsyncClient) -> None:
    newest_first = await create_many(client, 3)

    page = await get_page(client)

    assert [item["id"] for item in page["items"]] == newest_first
    assert page["next_cursor"] is None


async def test_a_walk_over_the_pages_meets_every_item_once(client: httpx.AsyncClient) -> None:
    newest_first = await create_many(client, 5)

    first = await get_page(client, limit=2)
    second = await get_page(client, limit=2, cursor=first["next_cursor"])
    third = await get_page(client, limit=2, cursor=second["next_cursor"])

    walked = [item["id"] for page in (first, second, third) for item in page["items"]]
    assert walked == newest_first
    assert third["next_cursor"] is None


async def test_a_full_last_page_has_no_next_one(client: httpx.AsyncClient) -> None:
    await create_many(client, 2)

    page = await get_page(client, limit=2)

    assert page["next_cursor"] is None


@pytest.mark.parametrize("sort", ["created_at", "-created_at", "updated_at", "-updated_at", "title", "-title"])
async def test_what_exists_during_a_walk_appears_once_while_others_insert_and_delete(
    client: httpx.AsyncClient, sort: str
) -> None:
    # All of a batch have the same times and titles.
    ids = await create_batch(client, 9)
    stay, go = ids[::2], ids[1::2]

    walked = []
    response = await client.get(ITEMS, params={"sort": sort, "limit": 2})
    walked += [item["id"] for item in response.json()["items"]]
    while "next" in response.links:
        await create_batch(client, 1)
        if go:
            await client.delete(f"{ITEMS}/{go.pop()}")
        response = await client.get(response.links["next"]["url"])
        walked += [item["id"] for item in response.json()["items"]]

    assert sorted(item_id for item_id in walked if item_id in stay) == sorted(stay)
    assert len(set(walked)) == len(walked)


@pytest.mark.parametrize(
    "letter", ["x", "😀", '"', "\x01"], ids=["plain", "of four bytes", "quote", "control character"]
)
async def test_a_walk_by_title_passes_the_longest_titles(client: httpx.AsyncClient, letter: str) -> None:
    batch = {"items": [{"title": letter * 200}] * 3}
    assert (await client.post(f"{ITEMS}/batch", json=batch)).status_code == 201

    first = await get_page(client, sort="title", limit=2)
    second = await get_page(client, sort="title", limit=2, cursor=first["next_cursor"])

    assert [len(first["items"]), len(second["items"])] == [2, 1]


async def test_a_list_shows_nobody_elses_items(client: httpx.AsyncClient, issuer: TokenIssuer) -> None:
    await create_many(client, 1)

    response = await client.get(ITEMS, headers=issuer.authorization(uuid4()))

    assert response.json() == {"items": [], "next_cursor": None}


async def test_a_cursor_of_somebody_else_is_refused(client: httpx.AsyncClient, issuer: TokenIssuer) -> None:
    await create_many(client, 2)
    cursor = (await get_page(client, limit=1))["next_cursor"]

    response = await client.get(ITEMS, params={"cursor": cursor}, headers=issuer.authorization(uuid4()))

    assert response.status_code == 400
    assert response.json()["code"] == "invalid_cursor"


@pytest.mark.parametrize("parameters", [{"cursor": "x"}, {"cursor": ""}, {"cursor": "ünreadable"}, {"cursor": "A" * 9}])
async def test_a_cursor_that_was_never_handed_out_is_refused(
    client: httpx.AsyncClient, parameters: dict[str, str]
) -> None:
    response = await client.get(ITEMS, params=parameters)

    assert response.status_code == 400


@pytest.mark.parametrize(
    "parameters", [{"limit": 0}, {"limit": -1}, {"limit": 101}, {"limit": "ten"}, {"limit": 10**30}, {"offset": 5}]
)
async def test_parameters_that_mean_no_page_are_refused(
    client: httpx.AsyncClient, parameters: dict[str, str | int]
) -> None:
    response = await client.get(ITEMS, params=parameters)

    assert response.status_code == 422
