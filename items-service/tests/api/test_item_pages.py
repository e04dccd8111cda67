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


async def test_a_walk_is_not_disturbed_by_what_others_insert_and_delete(client: httpx.AsyncClient) -> None:
    newest_first = await create_many(client, 4)
    first = await get_page(client, limit=2)

    await client.delete(f"{ITEMS}/{newest_first[0]}")
    await create_many(client, 1)
    second = await get_page(client, limit=2, cursor=first["next_cursor"])

    assert [item["id"] for item in second["items"]] == newest_first[2:]


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
