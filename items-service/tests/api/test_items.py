from datetime import datetime
from uuid import UUID, uuid4

import httpx
import pytest

from service_chassis.testing.issuer import TokenIssuer

ITEMS = "/api/v1/items"


async def create(client: httpx.AsyncClient, title: str = "Tandem bicycle") -> httpx.Response:
    response = await client.post(ITEMS, json={"title": title})
    assert response.status_code == 201, response.text
    return response


async def test_a_created_item_belongs_to_who_created_it(client: httpx.AsyncClient, owner_id: UUID) -> None:
    response = await client.post(ITEMS, json={"title": "Tandem bicycle", "description": "Two seats."})

    item = response.json()
    assert response.status_code == 201
    assert item["owner_id"] == str(owner_id)
    assert (item["title"], item["description"], item["version"]) == ("Tandem bicycle", "Two seats.", 1)
    assert UUID(item["id"]).version == 7
    assert datetime.fromisoformat(item["created_at"]).utcoffset() is not None


async def test_the_location_of_a_created_item_leads_to_it(client: httpx.AsyncClient) -> None:
    created = await create(client)

    response = await client.get(created.headers["Location"])

    assert response.json() == created.json()
    assert response.headers["ETag"] == created.headers["ETag"] == '"1"'


async def test_a_change_keeps_what_was_not_sent_and_raises_the_version(client: httpx.AsyncClient) -> None:
    created = await create(client)

    response = await client.patch(created.headers["Location"], json={"description": "New tyres."})

    assert response.status_code == 200
    assert response.headers["ETag"] == '"2"'
    assert response.json() | {"updated_at": ""} == created.json() | {
        "description": "New tyres.",
        "version": 2,
        "updated_at": "",
    }
    assert response.json()["updated_at"] > created.json()["updated_at"]


async def test_a_deleted_item_is_gone(client: httpx.AsyncClient) -> None:
    location = (await create(client)).headers["Location"]

    response = await client.delete(location)

    assert response.status_code == 204
    assert (await client.get(location)).status_code == 404
    assert (await client.delete(location)).status_code == 404


@pytest.mark.parametrize("method", ["GET", "PATCH", "DELETE"])
async def test_somebody_elses_item_looks_like_one_that_does_not_exist(
    client: httpx.AsyncClient, issuer: TokenIssuer, method: str
) -> None:
    location = (await create(client)).headers["Location"]
    stranger = issuer.authorization(uuid4()) | {"If-Match": '"99"'}
    body = {"title": "mine now"} if method == "PATCH" else None

    foreign = await client.request(method, location, headers=stranger, json=body)
    missing = await client.request(method, f"{ITEMS}/{uuid4()}", headers=stranger, json=body)

    assert foreign.status_code == missing.status_code == 404
    ignored = {"instance": "", "trace_id": "", "request_id": ""}
    assert foreign.json() | ignored == missing.json() | ignored
    assert (await client.get(location)).json()["title"] == "Tandem bicycle"


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"title": ""},
        {"title": "x" * 201},
        {"title": None},
        {"title": 1},
        {"title": "NUL \0"},
        {"title": "x", "description": "y" * 10_001},
        {"title": "x", "owner_id": "01a20773-9579-707b-9e96-821a206ea19b"},
        {"title": "x", "version": 7},
        [],
        "text",
    ],
)
async def test_what_is_not_an_item_is_refused_and_creates_nothing(client: httpx.AsyncClient, body: object) -> None:
    response = await client.post(ITEMS, json=body)

    assert response.status_code == 422
    assert response.headers["Content-Type"] == "application/problem+json"
    assert response.json()["code"] == "invalid_request"
    assert (await client.get(ITEMS)).json()["items"] == []


@pytest.mark.parametrize("body", [{"title": None}, {"description": None}, {"version": 3}, {"id": str(uuid4())}])
async def test_what_is_not_a_change_is_refused_and_changes_nothing(client: httpx.AsyncClient, body: object) -> None:
    created = await create(client)

    response = await client.patch(created.headers["Location"], json=body)

    assert response.status_code == 422
    assert (await client.get(created.headers["Location"])).json() == created.json()


async def test_an_id_that_is_none_is_a_clear_error(client: httpx.AsyncClient) -> None:
    response = await client.get(f"{ITEMS}/17")

    assert response.status_code == 422
    assert response.json()["errors"][0]["pointer"] == "/item_id"


async def test_every_id_of_the_description_is_unique(client: httpx.AsyncClient) -> None:
    paths = (await client.get(f"{ITEMS}/openapi.json")).json()["paths"]

    operation_ids = [operation["operationId"] for path in paths.values() for operation in path.values()]
    assert sorted(operation_ids) == [
        "create_item",
        "create_items",
        "delete_item",
        "get_item",
        "list_items",
        "update_item",
    ]
