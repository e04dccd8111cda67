import asyncio
from uuid import uuid4

import httpx
import pytest

from items_service.api.etags import get_versions_known, get_versions_to_change
from service_chassis.testing.issuer import TokenIssuer

ITEMS = "/api/v1/items"


@pytest.fixture
async def location(client: httpx.AsyncClient) -> str:
    response = await client.post(ITEMS, json={"title": "Tandem bicycle"})
    location: str = response.headers["Location"]
    return location


async def test_an_item_that_the_client_holds_is_not_sent_again(client: httpx.AsyncClient, location: str) -> None:
    response = await client.get(location, headers={"If-None-Match": '"1"'})

    assert response.status_code == 304
    assert response.content == b""
    assert response.headers["ETag"] == '"1"'


async def test_a_change_based_on_the_present_version_succeeds(client: httpx.AsyncClient, location: str) -> None:
    response = await client.patch(location, json={"title": "new"}, headers={"If-Match": '"1"'})

    assert response.status_code == 200
    assert response.headers["ETag"] == '"2"'


@pytest.mark.parametrize("method", ["PATCH", "DELETE"])
@pytest.mark.parametrize("tag", ['"2"', 'W/"1"', '"one"', "1", '""'])
async def test_a_change_based_on_another_version_is_refused(
    client: httpx.AsyncClient, location: str, method: str, tag: str
) -> None:
    body = {"title": "new"} if method == "PATCH" else None

    response = await client.request(method, location, json=body, headers={"If-Match": tag})

    assert response.status_code == 412
    assert response.json()["code"] == "stale_item"
    assert (await client.get(location)).headers["ETag"] == '"1"'


async def test_of_two_parallel_changes_of_one_version_exactly_one_succeeds(
    client: httpx.AsyncClient, location: str
) -> None:
    async def change(title: str) -> int:
        return (await client.patch(location, json={"title": title}, headers={"If-Match": '"1"'})).status_code

    statuses = await asyncio.gather(change("mine"), change("yours"))

    assert sorted(statuses) == [200, 412]
    assert (await client.get(location)).json()["version"] == 2


async def test_a_star_allows_any_version_to_be_changed(client: httpx.AsyncClient, location: str) -> None:
    response = await client.patch(location, json={"title": "new"}, headers={"If-Match": "*"})

    assert response.status_code == 200


async def test_a_star_says_that_the_client_holds_any_version(client: httpx.AsyncClient, location: str) -> None:
    response = await client.get(location, headers={"If-None-Match": "*"})

    assert response.status_code == 304


async def test_a_version_that_the_client_does_not_hold_is_sent(client: httpx.AsyncClient, location: str) -> None:
    response = await client.get(location, headers={"If-None-Match": '"2", "17"'})

    assert response.status_code == 200
    assert response.headers["ETag"] == '"1"'


async def test_a_stale_version_of_somebody_elses_item_looks_like_no_item(
    client: httpx.AsyncClient, issuer: TokenIssuer, location: str
) -> None:
    stranger = issuer.authorization(uuid4())

    answers = [
        await client.request(method, location, json=body, headers=stranger | condition)
        for method, body in (("GET", None), ("PATCH", {"title": "mine"}), ("DELETE", None))
        for condition in ({"If-Match": '"99"'}, {"If-Match": '"1"'}, {"If-None-Match": '"1"'}, {"If-None-Match": "*"})
    ]

    assert {answer.status_code for answer in answers} == {404}


async def test_several_tags_allow_each_of_their_versions() -> None:
    assert await get_versions_to_change('"1", W/"2", "3"') == frozenset({1, 3})


async def test_a_weak_tag_is_good_enough_to_leave_the_body_out() -> None:
    assert await get_versions_known('W/"1", "2"') == frozenset({1, 2})
