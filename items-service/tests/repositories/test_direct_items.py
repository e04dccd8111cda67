"""What PostgreSQL plans once for each connection, since planning takes as long as reading, and what for its values."""

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import Integer, Text, column, select, text

from items_service.core.config import Settings
from items_service.repositories.direct_items import DirectItemRepository
from service_chassis.statement_pool import Statement, StatementPool
from service_chassis.testing.databases import EmptyableDatabase

OWNER_ID = uuid4()
ANOTHER_ID = UUID(hashlib.md5(b"39", usedforsecurity=False).hexdigest())
SORTS = ["created_at", "-created_at", "updated_at", "-updated_at", "title", "-title"]
# PostgreSQL compares so many plans for given values with one for all of them before it decides.
COMPARED_PLANS = 5
PREPARED = text("pg_prepared_statements WHERE statement LIKE '%FROM items%'")
PAGES = text("pg_prepared_statements WHERE statement LIKE 'SELECT array%'")
PREPARED_FOR_PAGES = Statement(select(column("statement", Text)).select_from(PAGES))
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
async def test_pages_are_read_with_one_plan(items: DirectItemRepository, pool: StatementPool, sort: str) -> None:
    pages = [
        await items.list_after(None, owner_id=OWNER_ID, sort=sort, words=None, limit=21)
        for _ in range(2 * COMPARED_PLANS)
    ]

    assert [len(page) for page in pages] == [21] * 2 * COMPARED_PLANS
    assert await times_planned(pool) == COMPARED_PLANS


@pytest.mark.parametrize("sort", SORTS)
async def test_pages_that_share_a_statement_read_their_own_rows_from_one_index(
    items: DirectItemRepository, pool: StatementPool, sort: str
) -> None:
    first = await items.list_after(None, owner_id=OWNER_ID, sort=sort, words=None, limit=21)
    last = json.loads(first[-1])
    position = value_of(last, sort), UUID(last["id"])
    await items.list_after(position, owner_id=OWNER_ID, sort=sort, words=None, limit=21)
    asked = [[OWNER_ID, ANOTHER_ID], [21, 11], *([value] * 2 for value in position)]

    later_pages, first_pages = await scans_of_items(pool, asked)

    index = f"items_owner_id_{sort.removeprefix('-')}_id_index"
    assert first_pages == later_pages == {"index": index, "pages": 2, "rows": 21 + 11}


async def test_pages_that_are_asked_for_at_once_are_each_ones_own(items: DirectItemRepository) -> None:
    asked = [(owner_id, limit) for owner_id in (OWNER_ID, ANOTHER_ID, uuid4()) for limit in range(1, 22)]

    at_once = await asyncio.gather(
        *(items.list_after(None, owner_id=owner_id, sort="title", words=None, limit=limit) for owner_id, limit in asked)
    )

    one_by_one = [
        await items.list_after(None, owner_id=owner_id, sort="title", words=None, limit=limit)
        for owner_id, limit in asked
    ]
    assert at_once == one_by_one
    assert [len(page) for page in at_once] == [*range(1, 22), *range(1, 22), *[0] * 21]


async def test_items_that_are_created_at_once_are_each_ones_own(
    items: DirectItemRepository, filled: EmptyableDatabase
) -> None:
    deleted_id, owners = uuid4(), [uuid4() for _ in range(3)]
    await filled.execute("INSERT INTO deleted_owners (owner_id) VALUES ($1)", deleted_id)
    wanted = [(owner_id, f"title {n}") for n in range(20) for owner_id in (*owners, deleted_id)]

    created = await asyncio.gather(
        *(items.add(owner_id=owner_id, title=title, description="") for owner_id, title in wanted)
    )

    seen = [json.loads(item.json) for item in created if item is not None]
    assert [(UUID(item["owner_id"]), item["title"]) for item in seen] == [
        each for each in wanted if each[0] != deleted_id
    ]
    assert len({item["id"] for item in seen}) == len(seen)


async def test_nobody_waits_for_a_larger_page_of_somebody_else(
    items: DirectItemRepository, pool: StatementPool
) -> None:
    pages = await asyncio.gather(
        *(items.list_after(None, owner_id=OWNER_ID, sort="title", words=None, limit=limit) for limit in (101, 21, 101))
    )

    assert [len(page) for page in pages] == [101, 21, 101]
    assert pool.connections().idle == 3


async def test_a_search_is_planned_for_its_words(items: DirectItemRepository, pool: StatementPool) -> None:
    for _ in range(2 * COMPARED_PLANS):
        await items.list_after(None, owner_id=OWNER_ID, sort="title", words="title", limit=21)

    assert await times_planned(pool) == 2 * COMPARED_PLANS


def value_of(item: Mapping[str, Any], sort: str) -> datetime | str:
    value: str = item[sort.removeprefix("-")]
    return value if sort.endswith("title") else datetime.fromisoformat(value)


async def scans_of_items(pool: StatementPool, asked: Sequence[Any]) -> list[dict[str, Any]]:
    """Return how PostgreSQL reads items in each statement that was prepared on the one connection that was used.

    Each is given as many of the values as it takes; the one that takes most comes first.
    """
    texts = [row.statement for row in await pool.fetch(PREPARED_FOR_PAGES)]
    connection = await pool.connect()
    await connection.execute("SET plan_cache_mode = force_generic_plan")
    scans = []
    for sent in sorted(texts, key=lambda sent: -sent.count("$")):
        statement = await connection.prepare(f"EXPLAIN (ANALYZE, FORMAT JSON) {sent}")
        plan = json.loads(await statement.fetchval(*asked[: len(statement.get_parameters())]))[0]["Plan"]
        [scan] = [node for node in nodes_of(plan) if node.get("Relation Name") == "items"]
        rows = round(scan["Actual Rows"] * scan["Actual Loops"])
        scans.append({"index": scan.get("Index Name"), "pages": scan["Actual Loops"], "rows": rows})
    await connection.close()
    return scans


def nodes_of(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for part in plan.get("Plans", []):
        yield from nodes_of(part)


async def times_planned(pool: StatementPool) -> int:
    """Return how often a statement has been planned for its values on the one connection that was used."""
    times: list[int] = [row.custom_plans for row in await pool.fetch(TIMES_PLANNED)]
    return max(times)
