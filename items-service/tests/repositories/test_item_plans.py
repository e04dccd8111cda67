"""What a page costs depends on the page's size: not on how many items there are, nor on how far one has walked."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import asyncpg
import pytest
from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncSession

from items_service.core.config import Settings
from items_service.models import Item
from items_service.repositories.items import ItemRepository, Position
from service_chassis.database import Database
from service_chassis.testing.databases import EmptyableDatabase

SORTS = ["created_at", "-created_at", "updated_at", "-updated_at", "title", "-title"]
MY_ID = uuid4()

# Times and titles repeat. An id is no random one, since making two million of those takes longer than all the rest.
INSERT = """
    INSERT INTO items (id, owner_id, title, created_at, updated_at)
    SELECT md5({owner} || n)::uuid, {owner}::uuid, '{title} ' || n % 977, {time} - n % 1009 * interval '1 minute',
        {time} - n % 991 * interval '1 minute'
    FROM generate_series(1, {count}) n
"""
# Mine stand at the end of every order: what the planner knows of all items says that hardly any of mine are left.
MINE = {"owner": f"'{MY_ID}'", "title": "a bicycle", "time": "now() - interval '1 year'"}
# Two hundred items for each of many others.
OTHERS = {"owner": "md5((n / 200)::text)", "title": "something else", "time": "now()"}
MORE_THAN_MOST_HAVE = 300


@dataclass(frozen=True)
class Size:
    """How many items there are, and how many of them are mine."""

    items: int
    mine: int


SIZES = [
    pytest.param(Size(1_000, mine=500), id="500 of 1,000 items"),
    pytest.param(Size(100_000, mine=1_000), id="1,000 of 100,000 items"),
    pytest.param(Size(100_000, mine=10_000), id="10,000 of 100,000 items"),
    pytest.param(Size(2_000_000, mine=10_000), id="10,000 of 2,000,000 items", marks=pytest.mark.large),
]


@pytest.fixture(scope="module", params=SIZES)
def size(request: pytest.FixtureRequest, database: EmptyableDatabase) -> Iterator[Size]:
    size: Size = request.param
    asyncio.run(fill(database, size))
    yield size
    asyncio.run(database.execute("TRUNCATE items"))


async def fill(database: EmptyableDatabase, size: Size) -> None:
    """Insert before the indexes are made, which takes a fraction of the time."""
    connection = await asyncpg.connect(database.url.get_secret_value())
    indexes = await connection.fetch("SELECT indexname, indexdef FROM pg_indexes WHERE tablename = 'items'")
    indexes = [index for index in indexes if index["indexname"] != "items_pkey"]
    for index in indexes:
        await connection.execute(f"DROP INDEX {index['indexname']}")
    await connection.execute(INSERT.format(count=size.mine, **MINE))
    await connection.execute(INSERT.format(count=size.items - size.mine, **OTHERS))
    for index in indexes:
        await connection.execute(index["indexdef"])
    await connection.execute("VACUUM ANALYZE items")
    await connection.close()


@pytest.fixture
async def session(settings: Settings) -> AsyncIterator[AsyncSession]:
    database = Database(settings)
    async with database.session() as session:
        yield session
    await database.close()


@dataclass(frozen=True)
class Scan:
    """How PostgreSQL reads a page: from where, how many rows of it, and how many buffers in all."""

    source: str
    rows: int
    buffers: int


class Pages:
    """The pages of my items in one order, as the repository reads them."""

    def __init__(self, session: AsyncSession, *, sort: str, page_size: int) -> None:
        self._session = session
        self._sort = sort
        self._page_size = page_size

    async def before_the_second(self) -> Position:
        """Return where the first page ends."""
        return self._position((await self._list_after(None, sort=self._sort, limit=self._page_size))[-1])

    async def before_the_last(self) -> Position:
        """Return where the page before the last one ends."""
        opposite = self._sort.removeprefix("-") if self._sort.startswith("-") else f"-{self._sort}"
        return self._position((await self._list_after(None, sort=opposite, limit=self._page_size + 1))[-1])

    async def scan_after(self, position: Position | None) -> Scan:
        """Read the page after a position, and return how."""
        statement, values = await self._statement(position)
        plan = await self._explain(f"(ANALYZE, BUFFERS, FORMAT JSON) {statement}", values)
        leaf = leaf_of(plan)
        return Scan(
            source_of(leaf), int(leaf["Actual Rows"]), int(plan["Shared Hit Blocks"] + plan["Shared Read Blocks"])
        )

    async def source_for_everybody(self, position: Position | None) -> str:
        """Return what is read in the plan that PostgreSQL makes once for all owners and positions."""
        statement, values = await self._statement(position)
        connection = await self._session.connection()
        await connection.exec_driver_sql("SET LOCAL plan_cache_mode = force_generic_plan")
        await connection.exec_driver_sql(f"PREPARE page AS {statement}")
        plan = await self._explain(f"(FORMAT JSON) EXECUTE page ({', '.join(['NULL'] * len(values))})", ())
        await connection.exec_driver_sql("DEALLOCATE page")
        return source_of(leaf_of(plan))

    async def _explain(self, what: str, values: tuple[Any, ...]) -> dict[str, Any]:
        connection = await self._session.connection()
        answer = (await connection.exec_driver_sql(f"EXPLAIN {what}", values)).scalar_one()
        return dict((json.loads(answer) if isinstance(answer, str) else answer)[0]["Plan"])

    async def _statement(self, position: Position | None) -> tuple[str, tuple[Any, ...]]:
        """Return the very statement that the repository sends for a page, and its values."""
        sent: list[tuple[str, tuple[Any, ...]]] = []

        def remember(*arguments: Any) -> None:  # the event passes the statement third, its values fourth
            sent.append((arguments[2], arguments[3]))

        connection = await self._session.connection()
        event.listen(connection.sync_connection, "before_cursor_execute", remember)
        # The service reads one row more than it shows, to see whether there are more pages.
        await self._list_after(position, sort=self._sort, limit=self._page_size + 1)
        event.remove(connection.sync_connection, "before_cursor_execute", remember)
        [statement] = sent
        return statement

    async def _list_after(self, position: Position | None, *, sort: str, limit: int) -> Sequence[Item]:
        repository = ItemRepository(self._session)
        return await repository.list_after(position, owner_id=MY_ID, sort=sort, words=None, limit=limit)

    def _position(self, item: Item) -> Position:
        return getattr(item, self._sort.removeprefix("-")), item.id


def leaf_of(plan: dict[str, Any]) -> dict[str, Any]:
    # Values that the statement hides from the planner are plans of their own.
    while parts := [part for part in plan.get("Plans", []) if part["Parent Relationship"] != "InitPlan"]:
        [plan] = parts
    return plan


def source_of(leaf: dict[str, Any]) -> str:
    return f"{leaf['Node Type']} on {leaf.get('Index Name')}"


def index_scan_for(sort: str) -> str:
    return f"Index Scan on items_owner_id_{sort.removeprefix('-')}_id_index"


@pytest.mark.usefixtures("size")
@pytest.mark.parametrize("sort", SORTS)
async def test_every_page_reads_its_own_rows_from_one_index(session: AsyncSession, sort: str) -> None:
    pages = Pages(session, sort=sort, page_size=20)

    first = await pages.scan_after(None)
    second = await pages.scan_after(await pages.before_the_second())
    last = await pages.scan_after(await pages.before_the_last())

    assert {first.source, second.source, last.source} == {index_scan_for(sort)}
    assert (first.rows, second.rows, last.rows) == (21, 21, 20)
    assert first.buffers <= 21 + 10


@pytest.mark.usefixtures("size")
@pytest.mark.parametrize("sort", SORTS)
async def test_page_10_000_reads_as_many_buffers_as_page_1(session: AsyncSession, sort: str) -> None:
    pages = Pages(session, sort=sort, page_size=1)

    first, last = await pages.scan_after(None), await pages.scan_after(await pages.before_the_last())

    assert (first.source, last.source) == (index_scan_for(sort), index_scan_for(sort))
    assert last.buffers <= first.buffers + 2
    assert first.buffers <= 10


@pytest.mark.usefixtures("size")
@pytest.mark.parametrize("sort", SORTS)
@pytest.mark.parametrize("page_size", [20, MORE_THAN_MOST_HAVE])
async def test_a_plan_that_is_made_once_for_everybody_reads_the_same_index(
    session: AsyncSession, sort: str, page_size: int
) -> None:
    pages = Pages(session, sort=sort, page_size=page_size)

    first = await pages.source_for_everybody(None)
    later = await pages.source_for_everybody(await pages.before_the_last())

    assert (first, later) == (index_scan_for(sort), index_scan_for(sort))
