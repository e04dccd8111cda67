"""What PostgreSQL plans once for each connection, since planning takes as long as reading, and what for its values."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from uuid import uuid4

import pytest
from sqlalchemy import Integer, column, select, text

from items_service.core.config import Settings
from items_service.repositories.direct_items import DirectItemRepository
from service_chassis.statement_pool import Statement, StatementPool
from service_chassis.testing.databases import EmptyableDatabase

OWNER_ID = uuid4()
# PostgreSQL compares so many plans for given values with one for all of them before it decides.
COMPARED_PLANS = 5
PREPARED = text("pg_prepared_statements WHERE statement LIKE '%FROM items%'")
TIMES_PLANNED = Statement(select(column("custom_plans", Integer)).select_from(PREPARED))
# Mine are many more than everybody else's.
ITEMS = """
    INSERT INTO items (id, owner_id, title)
    SELECT uuidv7(), CASE WHEN n % 4 = 0 THEN $1 ELSE md5((n % 40)::text)::uuid END, 'title ' || n
    FROM generate_series(1, 4000) AS n
"""


@pytest.fixture(scope="module")
def filled(database: EmptyableDatabase) -> Iterator[EmptyableDatabase]:
    asyncio.run(database.execute(ITEMS, OWNER_ID))
    asyncio.run(database.execute("ANALYZE items"))
    yield database
    asyncio.run(database.execute("TRUNCATE items"))


@pytest.fixture
async def pool(filled: EmptyableDatabase, settings: Settings) -> AsyncIterator[StatementPool]:
    pool = StatementPool(settings.model_copy(update={"database_url": filled.url}))
    yield pool
    await pool.close()


@pytest.fixture
def items(pool: StatementPool) -> DirectItemRepository:
    return DirectItemRepository(pool)


async def test_items_are_found_with_one_plan(items: DirectItemRepository, pool: StatementPool) -> None:
    for _ in range(2 * COMPARED_PLANS):
        await items.find(str(OWNER_ID), owner_id=None)

    assert await times_planned(pool) == COMPARED_PLANS


@pytest.mark.parametrize("sort", ["-created_at", "title"])
async def test_pages_are_planned_for_their_owner(items: DirectItemRepository, pool: StatementPool, sort: str) -> None:
    pages = [
        await items.list_after(None, owner_id=OWNER_ID, sort=sort, words=None, limit=21)
        for _ in range(2 * COMPARED_PLANS)
    ]

    assert [len(page) for page in pages] == [21] * 2 * COMPARED_PLANS
    assert await times_planned(pool) == 2 * COMPARED_PLANS


async def test_a_search_is_planned_for_its_words(items: DirectItemRepository, pool: StatementPool) -> None:
    for _ in range(2 * COMPARED_PLANS):
        await items.list_after(None, owner_id=OWNER_ID, sort="title", words="title", limit=21)

    assert await times_planned(pool) == 2 * COMPARED_PLANS


async def times_planned(pool: StatementPool) -> int:
    """Return how often a statement has been planned for its values on the one connection that was used."""
    times: list[int] = [row.custom_plans for row in await pool.fetch(TIMES_PLANNED)]
    return max(times)
