import asyncio
from collections.abc import AsyncIterator
from uuid import UUID, uuid4

import asyncpg
import httpx
import pytest

from items_service.core.config import Settings
from service_chassis.testing.databases import EmptyableDatabase
from service_chassis.testing.issuer import TokenIssuer

ITEMS = "/api/v1/items"
ITEM = {"title": "Tandem bicycle"}
BATCH = {"items": [{"title": "front wheel"}, {"title": "rear wheel"}]}


@pytest.fixture
def key() -> dict[str, str]:
    return {"Idempotency-Key": str(uuid4())}


async def count_items(client: httpx.AsyncClient) -> int:
    return len((await client.get(ITEMS, params={"limit": 100})).json()["items"])


async def test_a_repeated_create_gets_the_same_answer_and_creates_nothing(
    client: httpx.AsyncClient, key: dict[str, str]
) -> None:
    first = await client.post(ITEMS, json=ITEM, headers=key)
    await client.patch(first.headers["Location"], json={"title": "changed meanwhile"})

    second = await client.post(ITEMS, json=ITEM, headers=key)

    assert second.status_code == 201
    assert second.json() == first.json()
    assert second.headers["Location"] == first.headers["Location"]
    assert second.headers["ETag"] == first.headers["ETag"]
    assert await count_items(client) == 1


async def test_a_repeated_batch_gets_the_same_answer_and_creates_nothing(
    client: httpx.AsyncClient, key: dict[str, str]
) -> None:
    first = await client.post(f"{ITEMS}/batch", json=BATCH, headers=key)

    second = await client.post(f"{ITEMS}/batch", json=BATCH, headers=key)

    assert second.status_code == 201
    assert second.json() == first.json()
    assert await count_items(client) == 2


@pytest.mark.parametrize(("path", "body"), [(ITEMS, {"title": "another"}), (f"{ITEMS}/batch", {"items": [ITEM]})])
async def test_a_key_with_another_request_is_refused(
    client: httpx.AsyncClient, key: dict[str, str], path: str, body: object
) -> None:
    await client.post(ITEMS, json=ITEM, headers=key)

    response = await client.post(path, json=body, headers=key)

    assert response.status_code == 422
    assert response.json()["code"] == "idempotency_key_reused"
    assert await count_items(client) == 1


async def test_twenty_parallel_posts_with_one_key_create_one_item(
    client: httpx.AsyncClient, key: dict[str, str]
) -> None:
    responses = await asyncio.gather(*(client.post(ITEMS, json=ITEM, headers=key) for _ in range(20)))

    created = {response.json()["id"] for response in responses if response.status_code == 201}
    told_to_retry = [response for response in responses if response.status_code != 201]
    assert len(created) == 1
    # On a busy machine some wait too long for a connection, which is a 503.
    assert {response.status_code for response in told_to_retry} <= {409, 503}
    assert all(response.headers["Retry-After"] == "1" for response in told_to_retry)
    assert await count_items(client) == 1


async def test_the_same_key_of_another_user_is_another_key(
    client: httpx.AsyncClient, issuer: TokenIssuer, key: dict[str, str]
) -> None:
    mine = await client.post(ITEMS, json=ITEM, headers=key)

    theirs = await client.post(ITEMS, json={"title": "other"}, headers=key | issuer.authorization(uuid4()))

    assert mine.status_code == theirs.status_code == 201
    assert mine.json()["id"] != theirs.json()["id"]


async def test_a_request_that_failed_leaves_its_key_free(client: httpx.AsyncClient, key: dict[str, str]) -> None:
    assert (await client.post(ITEMS, json={"title": ""}, headers=key)).status_code == 422

    response = await client.post(ITEMS, json=ITEM, headers=key)

    assert response.status_code == 201


@pytest.fixture
async def other_worker(settings: Settings, owner_id: UUID, key: dict[str, str]) -> AsyncIterator[asyncpg.Connection]:
    """Let another process be at work on a request with the key."""
    worker = await asyncpg.connect(settings.database_url.get_secret_value().replace("+asyncpg", ""))
    await worker.execute("BEGIN")
    name = f"{owner_id} {key['Idempotency-Key']}"
    await worker.execute("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", name)
    yield worker
    worker.terminate()


@pytest.mark.usefixtures("other_worker")
async def test_a_request_that_is_still_being_worked_on_is_not_begun_again(
    client: httpx.AsyncClient, key: dict[str, str]
) -> None:
    response = await client.post(ITEMS, json=ITEM, headers=key)

    assert response.status_code == 409
    assert response.json()["code"] == "idempotency_key_in_flight"
    assert response.headers["Retry-After"] == "1"
    assert await count_items(client) == 0


@pytest.mark.usefixtures("other_worker")
async def test_a_key_in_flight_holds_up_no_other_key_and_no_other_user(
    client: httpx.AsyncClient, issuer: TokenIssuer, key: dict[str, str]
) -> None:
    other_key = await client.post(ITEMS, json=ITEM, headers={"Idempotency-Key": str(uuid4())})
    other_user = await client.post(ITEMS, json=ITEM, headers=key | issuer.authorization(uuid4()))

    assert (other_key.status_code, other_user.status_code) == (201, 201)


async def test_a_worker_that_died_leaves_its_key_free(
    client: httpx.AsyncClient, key: dict[str, str], other_worker: asyncpg.Connection
) -> None:
    assert (await client.post(ITEMS, json=ITEM, headers=key)).status_code == 409

    other_worker.terminate()

    async with asyncio.timeout(5):
        # PostgreSQL ends the dead worker's session in its own time.
        while (response := await client.post(ITEMS, json=ITEM, headers=key)).status_code == 409:
            pass
    assert response.status_code == 201


async def test_a_key_is_forgotten_after_a_day(
    client: httpx.AsyncClient, key: dict[str, str], database: EmptyableDatabase
) -> None:
    await client.post(ITEMS, json=ITEM, headers=key)
    await database.execute("UPDATE idempotency_keys SET created_at = created_at - interval '1 day'")

    response = await client.post(ITEMS, json={"title": "another"}, headers=key)

    assert response.status_code == 201
    assert await count_items(client) == 2


@pytest.mark.parametrize("key", ["", "x" * 256, "two words", "ümlaut"])
async def test_a_key_that_is_none_is_refused(client: httpx.AsyncClient, key: str) -> None:
    response = await client.post(ITEMS, json=ITEM, headers=[(b"Idempotency-Key", key.encode())])

    assert response.status_code == 422
