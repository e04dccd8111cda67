from uuid import uuid4

import httpx
import pytest

from service_chassis.testing.issuer import TokenIssuer

ITEMS = "/api/v1/items"


async def create(client: httpx.AsyncClient, *titles: str, description: str = "") -> None:
    for title in titles:
        response = await client.post(ITEMS, json={"title": title, "description": description})
        assert response.status_code == 201, response.text


async def titles(client: httpx.AsyncClient, **query: str | int) -> list[str]:
    response = await client.get(ITEMS, params=query)
    assert response.status_code == 200, response.text
    return [item["title"] for item in response.json()["items"]]


async def walk(client: httpx.AsyncClient, **query: str | int) -> list[str]:
    """Follow the Link headers to the last page."""
    found = []
    response = await client.get(ITEMS, params=query | {"limit": 2})
    found += [item["title"] for item in response.json()["items"]]
    while "next" in response.links:
        response = await client.get(response.links["next"]["url"])
        found += [item["title"] for item in response.json()["items"]]
    return found


@pytest.mark.parametrize(
    ("sort", "expected"),
    [
        ("created_at", ["pear", "apple", "fig"]),
        ("-created_at", ["fig", "apple", "pear"]),
        ("title", ["apple", "fig", "pear"]),
        ("-title", ["pear", "fig", "apple"]),
    ],
)
async def test_items_come_in_the_order_asked_for(client: httpx.AsyncClient, sort: str, expected: list[str]) -> None:
    await create(client, "pear", "apple", "fig")

    assert await titles(client, sort=sort) == expected


async def test_what_changed_last_can_come_first(client: httpx.AsyncClient) -> None:
    await create(client, "old", "new")
    oldest = (await client.get(ITEMS, params={"sort": "created_at"})).json()["items"][0]["id"]

    await client.patch(f"{ITEMS}/{oldest}", json={"title": "changed"})

    assert await titles(client, sort="-updated_at") == ["changed", "new"]


@pytest.mark.parametrize("sort", ["created_at", "-created_at", "updated_at", "-updated_at", "title", "-title"])
async def test_following_the_links_meets_every_item_once_though_all_are_equal(
    client: httpx.AsyncClient, sort: str
) -> None:
    batch = {"items": [{"title": "same"} for _ in range(7)]}
    assert (await client.post(f"{ITEMS}/batch", json=batch)).status_code == 201
    everything = {item["id"] for item in (await client.get(ITEMS)).json()["items"]}

    walked = []
    response = await client.get(ITEMS, params={"sort": sort, "limit": 2})
    walked += [item["id"] for item in response.json()["items"]]
    while "next" in response.links:
        response = await client.get(response.links["next"]["url"])
        walked += [item["id"] for item in response.json()["items"]]

    assert len(walked) == 7
    assert set(walked) == everything


async def test_a_link_keeps_the_query_that_it_continues(client: httpx.AsyncClient) -> None:
    await create(client, "red bike", "blue car", "red car", "red boat")

    assert await walk(client, q="red", sort="title") == ["red bike", "red boat", "red car"]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("tandem", ["Tandem bicycle"]),
        ("TANDEM bicycle", ["Tandem bicycle"]),
        ("bicycle tan", ["Tandem bicycle"]),
        ("bic", ["Tandem bicycle"]),
        ("bic tandem", []),
        ("leather", ["Saddle"]),
        ("%", []),
        ("_", []),
        ("'", []),
        ("tandem:*", ["Tandem bicycle"]),
        ("!tandem", ["Tandem bicycle"]),
        ("tandem | saddle", []),
        ("o'brien", ["O'Brien's bell"]),
        ('") OR 1=1 --', []),
        ("\\", []),
    ],
)
async def test_words_are_found_and_nothing_in_them_is_an_operator(
    client: httpx.AsyncClient, words: str, expected: list[str]
) -> None:
    await create(client, "Tandem bicycle", "O'Brien's bell")
    await create(client, "Saddle", description="Brown leather.")

    assert await titles(client, q=words) == expected


@pytest.mark.parametrize("query", [{"sort": "owner_id"}, {"sort": ""}, {"q": ""}, {"q": "NUL \0"}, {"q": "x" * 201}])
async def test_a_query_that_means_nothing_is_refused(client: httpx.AsyncClient, query: dict[str, str]) -> None:
    response = await client.get(ITEMS, params=query)

    assert response.status_code in {400, 422}


@pytest.mark.parametrize("other", [{"sort": "title"}, {"q": "bike"}])
async def test_a_cursor_of_another_query_is_refused(client: httpx.AsyncClient, other: dict[str, str]) -> None:
    await create(client, "bike", "bike", "bike")
    cursor = (await client.get(ITEMS, params={"limit": 1})).json()["next_cursor"]

    response = await client.get(ITEMS, params=other | {"cursor": cursor})

    assert response.status_code == 400


async def test_only_a_superuser_sees_the_list_of_somebody_else(client: httpx.AsyncClient, issuer: TokenIssuer) -> None:
    await create(client, "mine")
    owner_id = (await client.get(ITEMS)).json()["items"][0]["owner_id"]
    superuser = issuer.authorization(uuid4(), scope="items:read admin")

    foreign = await client.get(ITEMS, params={"owner_id": str(uuid4())})
    own = await client.get(ITEMS, params={"owner_id": owner_id})
    as_superuser = await client.get(ITEMS, params={"owner_id": owner_id}, headers=superuser)

    assert foreign.status_code == 403
    assert foreign.json()["code"] == "foreign_owner"
    assert own.json() == as_superuser.json()
    assert (await client.get(ITEMS, headers=superuser)).json()["items"] == []


async def test_a_superuser_reaches_everybodys_items(client: httpx.AsyncClient, issuer: TokenIssuer) -> None:
    location = (await client.post(ITEMS, json={"title": "mine"})).headers["Location"]
    superuser = issuer.authorization(uuid4(), scope="items:read items:write admin")

    changed = await client.patch(location, json={"title": "moderated"}, headers=superuser)

    assert changed.status_code == 200
    assert (await client.get(location)).json()["title"] == "moderated"
    assert (await client.delete(location, headers=superuser)).status_code == 204
