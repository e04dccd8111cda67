"""What clients see while the database hangs, is away or busy: 503 in time, and service again as soon as it is back."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from uuid import UUID, uuid4

import asyncpg
import httpx
import pytest

from items_service.core.config import Settings
from items_service.main import create_app
from service_chassis.testing.clients import running_client
from service_chassis.testing.databases import EmptyableDatabase
from service_chassis.testing.door import Door
from service_chassis.testing.issuer import TokenIssuer
from service_chassis.testing.servers import LOOPBACK, serving

ITEMS = "/api/v1/items"
ITEM = {"title": "Tandem bicycle"}
PATIENCE_SECONDS = 5.0

NewSettings = Callable[..., Settings]


@pytest.fixture
async def client(
    new_settings: NewSettings, door: Door, database: EmptyableDatabase, issuer: TokenIssuer, owner_id: UUID
) -> AsyncIterator[httpx.AsyncClient]:
    # With keys from a former run nothing but requests needs the database.
    await database.execute("INSERT INTO trusted_keys (document) VALUES ($1)", issuer.key_set())
    async with running_client(create_app(new_settings(database_url=door.url))) as client:
        client.headers.update(issuer.authorization(owner_id))
        yield client


def requests_of_every_kind(client: httpx.AsyncClient) -> list[httpx.Request]:
    location = f"{ITEMS}/{uuid4()}"
    return [
        client.build_request("GET", ITEMS),
        client.build_request("GET", ITEMS, params={"q": "tandem", "sort": "title"}),
        client.build_request("POST", ITEMS, json=ITEM),
        client.build_request("POST", ITEMS, json=ITEM, headers={"Idempotency-Key": "key"}),
        client.build_request("POST", f"{ITEMS}/batch", json={"items": [ITEM]}),
        client.build_request("GET", location),
        client.build_request("PATCH", location, json=ITEM, headers={"If-Match": '"1"'}),
        client.build_request("DELETE", location),
    ]


async def answer_in_time(client: httpx.AsyncClient, request: httpx.Request) -> httpx.Response:
    started_at = time.monotonic()
    response = await client.send(request)
    assert time.monotonic() - started_at < PATIENCE_SECONDS
    return response


def assert_unavailable(response: httpx.Response) -> None:
    assert response.status_code == 503
    assert response.json()["code"] == "database_unavailable"
    assert int(response.headers["Retry-After"]) > 0


async def wait_until_a_request_waits_for_a_lock(other_session: asyncpg.Connection) -> None:
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
    async with asyncio.timeout(5):
        while not await other_session.fetchval(waiting):  # noqa: ASYNC110  # PostgreSQL tells nobody
            await asyncio.sleep(0.01)


async def test_while_the_database_hangs_every_request_is_a_503_in_time(client: httpx.AsyncClient, door: Door) -> None:
    assert (await client.get(ITEMS)).status_code == 200
    door.hold()

    requests = requests_of_every_kind(client) * 4
    responses = await asyncio.gather(*(answer_in_time(client, request) for request in requests))

    for response in responses:
        assert_unavailable(response)


async def test_while_the_database_hangs_the_process_lives_and_is_not_ready(
    client: httpx.AsyncClient, door: Door
) -> None:
    door.hold()
    waiting = [asyncio.create_task(client.send(request)) for request in requests_of_every_kind(client) * 2]

    live = await answer_in_time(client, client.build_request("GET", "/health/live"))
    ready = await answer_in_time(client, client.build_request("GET", "/health/ready"))

    assert (live.status_code, ready.status_code) == (200, 503)
    assert ready.json()["checks"] == {"database": "unavailable"}
    await asyncio.gather(*waiting)


@pytest.mark.parametrize("how", ["hangs", "is away"])
async def test_the_first_request_after_an_outage_is_served(client: httpx.AsyncClient, door: Door, how: str) -> None:
    location = (await client.post(ITEMS, json=ITEM)).headers["Location"]
    await asyncio.gather(*(client.get(location) for _ in range(20)))

    if how == "hangs":
        door.hold()
    else:
        await door.shut()
    during = await asyncio.gather(*(answer_in_time(client, client.build_request("GET", location)) for _ in range(20)))
    await door.open()
    after = await answer_in_time(client, client.build_request("GET", location))

    for response in during:
        assert_unavailable(response)
    assert after.status_code == 200


async def test_a_replica_that_starts_without_its_database_serves_as_soon_as_it_is_there(
    new_settings: NewSettings, door: Door, issuer: TokenIssuer, owner_id: UUID
) -> None:
    await door.shut()

    async with running_client(create_app(new_settings(database_url=door.url))) as client:
        client.headers.update(issuer.authorization(owner_id))
        before = await answer_in_time(client, client.build_request("GET", ITEMS))
        await door.open()
        async with asyncio.timeout(PATIENCE_SECONDS):
            while (await client.get("/health/ready")).status_code == 503:  # noqa: ASYNC110  # it tells nobody
                await asyncio.sleep(0.02)
        after = await answer_in_time(client, client.build_request("GET", ITEMS))

    assert_unavailable(before)
    assert after.status_code == 200


async def test_a_change_that_finds_every_connection_taken_is_a_503_in_time_and_hot_endpoints_go_on(
    new_settings: NewSettings, other_session: asyncpg.Connection, issuer: TokenIssuer, owner_id: UUID
) -> None:
    async with running_client(create_app(new_settings(database_pool_size=1))) as client:
        client.headers.update(issuer.authorization(owner_id))
        location = (await client.post(ITEMS, json=ITEM)).headers["Location"]
        async with other_session.transaction():
            await other_session.execute("SELECT FROM items FOR UPDATE")
            holder = asyncio.create_task(answer_in_time(client, client.build_request("DELETE", location)))
            await wait_until_a_request_waits_for_a_lock(other_session)

            responses = await asyncio.gather(
                *(answer_in_time(client, client.build_request("PATCH", location, json=ITEM)) for _ in range(5)), holder
            )
            read, created = await client.get(location), await client.post(ITEMS, json=ITEM)

        after = await client.get(location)

    for response in responses:
        assert_unavailable(response)
    assert (read.status_code, created.status_code, after.status_code) == (200, 201, 200)


async def test_a_client_that_hangs_up_frees_its_connection_for_the_next(
    new_settings: NewSettings, other_session: asyncpg.Connection, issuer: TokenIssuer, owner_id: UUID
) -> None:
    authorization = issuer.authorization(owner_id)
    with serving(create_app(new_settings(database_pool_size=1))) as port:
        async with httpx.AsyncClient(base_url=f"http://{LOOPBACK}:{port}", headers=authorization) as client:
            location = (await client.post(ITEMS, json=ITEM)).headers["Location"]
            async with other_session.transaction():
                await other_session.execute("SELECT FROM items FOR UPDATE")
                impatient = asyncio.create_task(client.delete(location))
                await wait_until_a_request_waits_for_a_lock(other_session)

                impatient.cancel()

                # The statement would hold the one connection for longer than a request waits for it; with a key, a
                # new item takes that connection and no other.
                created = await client.post(ITEMS, json=ITEM, headers={"Idempotency-Key": "any"})
                assert created.status_code == 201
            assert (await client.get(location)).status_code == 200
