"""Of a deleted user no item is left, whatever raced with the deletion."""

import asyncio
from collections.abc import AsyncIterator
from uuid import UUID, uuid4

import asyncpg
import httpx
import pytest
from sqlalchemy.ext.asyncio import AsyncSession

from items_service.core.config import Settings
from items_service.models import Item
from items_service.repositories.deleted_owners import DeletedOwnerRepository
from items_service.repositories.items import ItemRepository
from items_service.services.deleted_owners import ITEMS_AT_ONCE
from service_chassis.database import Database
from service_chassis.testing.databases import EmptyableDatabase

ITEMS = "/api/v1/items"
PATIENCE_SECONDS = 10.0
INSERT = "INSERT INTO items (id, owner_id, title) SELECT gen_random_uuid(), $1, 'old' FROM generate_series(1, $2)"


@pytest.fixture
async def stored(database: EmptyableDatabase) -> AsyncIterator[asyncpg.Connection]:
    """Write what the feed has told, and look into the database."""
    connection = await asyncpg.connect(database.url.get_secret_value())
    yield connection
    await connection.close()


@pytest.fixture
async def session(settings: Settings) -> AsyncIterator[AsyncSession]:
    """Give the transaction of a request that somebody else makes."""
    database = Database(settings)
    async with database.session() as session:
        yield session
    await database.close()


async def bury(stored: asyncpg.Connection, owner_id: UUID) -> None:
    await stored.execute("INSERT INTO deleted_owners (owner_id) VALUES ($1)", owner_id)


async def until_finished(stored: asyncpg.Connection, owner_id: UUID) -> None:
    finished = "SELECT items_deleted_at IS NOT NULL FROM deleted_owners WHERE owner_id = $1"
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not await stored.fetchval(finished, owner_id):  # noqa: ASYNC110  # PostgreSQL tells nobody
            await asyncio.sleep(0.02)


async def count_items(stored: asyncpg.Connection, owner_id: UUID) -> int:
    count: int = await stored.fetchval("SELECT count(*) FROM items WHERE owner_id = $1", owner_id)
    return count


async def test_every_item_goes_and_those_of_others_stay(
    client: httpx.AsyncClient, stored: asyncpg.Connection, owner_id: UUID
) -> None:
    other_id = uuid4()
    await stored.execute(INSERT, owner_id, 2 * ITEMS_AT_ONCE + 1)
    await stored.execute(INSERT, other_id, 3)
    await client.post(ITEMS, json={"title": "secret"}, headers={"Idempotency-Key": "key"})

    await bury(stored, owner_id)
    await until_finished(stored, owner_id)

    assert await count_items(stored, owner_id) == 0
    assert await count_items(stored, other_id) == 3
    assert await stored.fetchval("SELECT count(*) FROM idempotency_keys") == 0


@pytest.mark.parametrize(
    ("path", "body"), [(ITEMS, {"title": "late"}), (f"{ITEMS}/batch", {"items": [{"title": "late"}]})]
)
async def test_a_late_request_creates_nothing(
    client: httpx.AsyncClient, stored: asyncpg.Connection, owner_id: UUID, path: str, body: dict[str, object]
) -> None:
    await bury(stored, owner_id)

    refused = await client.post(path, json=body)

    assert (refused.status_code, refused.json()["code"]) == (401, "invalid_token")
    assert await count_items(stored, owner_id) == 0


@pytest.mark.usefixtures("client")
async def test_a_request_that_began_before_the_deletion_and_ends_after_it_leaves_nothing(
    session: AsyncSession, stored: asyncpg.Connection, owner_id: UUID
) -> None:
    assert await DeletedOwnerRepository(session).may_own_items(owner_id)
    await bury(stored, owner_id)
    await ItemRepository(session).add([Item(owner_id=owner_id, title="in time")])
    # That another one is finished shows that this one was not passed over for want of time.
    await bury(stored, another_id := uuid4())
    await until_finished(stored, another_id)

    await session.commit()

    assert await count_items(stored, owner_id) == 1
    await until_finished(stored, owner_id)
    assert await count_items(stored, owner_id) == 0


async def test_no_item_is_left_when_many_requests_race_with_the_deletion(
    client: httpx.AsyncClient, stored: asyncpg.Connection, owner_id: UUID
) -> None:
    racing = asyncio.gather(*(client.post(ITEMS, json={"title": str(number)}) for number in range(20)))
    while not await count_items(stored, owner_id):  # noqa: ASYNC110  # the race has begun when one has won
        await asyncio.sleep(0.001)

    await bury(stored, owner_id)
    statuses = {response.status_code for response in await racing}
    await until_finished(stored, owner_id)

    assert 201 in statuses
    assert statuses <= {201, 401, 503}
    assert await count_items(stored, owner_id) == 0
