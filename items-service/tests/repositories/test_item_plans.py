"""What a page costs depends on the page's size: not on how many items there are, nor on how far one has walked."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncSession

from items_service.core.config import Settings
from items_service.repositories.items import ItemRepository, Position
from service_chassis.database import Database
from service_chassis.testing.databases import EmptyableDatabase

PAGE = 21
MY_ITEMS = 10_000
SORTS = ["created_at", "-created_at", "updated_at", "-updated_at", "title", "-title"]
MY_ID = uuid4()

# Two hundred items for each of many others; mine in between, with times and titles that repeat.
INSERT = """
    INSERT INTO items (id, owner_id, title, created_at, updated_at)
    SELECT gen_random_uuid(), {owner}, 'item ' || n % 977, now() - n % 1009 * interval '1 minute',
        now() - n % 991 * interval '1 minute'
    FROM generate_series(1, {count}) n
"""
SOMEBODY = "md5((n / 200)::text)::uuid"


@pytest.fixture(scope="module", params=[0, 100_000], ids=lambda others: f"{others} items of others")
def filled(request: pytest.FixtureRequest, database: EmptyableDatabase) -> Iterator[None]:
    async def fill() -> None:
        await database.execute(INSERT.format(owner=f"'{MY_ID}'", count=MY_ITEMS))
        await database.execute(INSERT.format(owner=SOMEBODY, count=request.param))
        await database.execute("VACUUM ANALYZE items")

    asyncio.run(fill())
    yield
    asyncio.run(database.empty())


@pytest.fixture
async def session(settings: Settings) -> AsyncIterator[AsyncSession]:
    database = Database(settings)
    async with database.session() as session:
        yield session
    await database.close()


async def explain(session: AsyncSession, position: Position | None, *, sort: str) -> dict[str, Any]:
    """Run the very statement that the repository runs, and return how PostgreSQL ran it."""
    sent: list[tuple[str, Any]] = []

    def remember(*arguments: Any) -> None:  # the event passes the statement third, its values fourth
        sent.append((arguments[2], arguments[3]))

    connection = await session.connection()
    event.listen(connection.sync_connection, "before_cursor_execute", remember)
    await ItemRepository(session).list_after(position, owner_id=MY_ID, sort=sort, words=None, limit=PAGE)
    event.remove(connection.sync_connection, "before_cursor_execute", remember)
    [(statement, values)] = sent
    explained = await connection.exec_driver_sql(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {statement}", values)
    answer = explained.scalar_one()
    plan: dict[str, Any] = (json.loads(answer) if isinstance(answer, str) else answer)[0]["Plan"]
    return plan


def scan(plan: dict[str, Any]) -> tuple[str, float]:
    """Return which index the plan reads, and how many rows it takes from there."""
    while "Plans" in plan:
        [plan] = plan["Plans"]
    return plan.get("Index Name", plan["Node Type"]), plan["Actual Rows"]


def buffers(plan: dict[str, Any]) -> int:
    return int(plan["Shared Hit Blocks"] + plan["Shared Read Blocks"])


async def position_of_the_last_page(session: AsyncSession, sort: str) -> Position:
    opposite = sort.removeprefix("-") if sort.startswith("-") else f"-{sort}"
    last = (await ItemRepository(session).list_after(None, owner_id=MY_ID, sort=opposite, words=None, limit=PAGE))[-1]
    value = getattr(last, sort.removeprefix("-"))
    item_id: UUID = last.id
    return value, item_id


@pytest.mark.usefixtures("filled")
@pytest.mark.parametrize("sort", SORTS)
async def test_every_page_reads_its_own_rows_from_one_index(session: AsyncSession, sort: str) -> None:
    index = f"items_owner_id_{sort.removeprefix('-')}_id_index"

    first = await explain(session, None, sort=sort)
    last = await explain(session, await position_of_the_last_page(session, sort), sort=sort)

    assert scan(first) == (index, PAGE)
    assert scan(last) == (index, PAGE - 1)
    assert buffers(last) <= buffers(first) + 5
    assert buffers(first) <= PAGE + 10
