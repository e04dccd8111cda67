"""Statements about items that are sent most often: put into words once, run without a session, answered in JSON."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cache, partial
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, cast
from uuid import UUID

from pydantic_core import from_json
from sqlalchemy import ARRAY, ColumnElement, Integer, Select, Text, Uuid, any_, bindparam, column, func, insert, select
from sqlalchemy import cast as sql_cast
from uuid_utils.compat import uuid7

from items_service.models import Item
from items_service.repositories.items import Asked, Place, Position, hidden, page_statement, page_values, sorted_column
from service_chassis.json_rows import written_as_json
from service_chassis.pagination import DEFAULT_PAGE_SIZE
from service_chassis.shared_reads import SharedReads
from service_chassis.statement_pool import Statement, StatementPool

if TYPE_CHECKING:
    from sqlalchemy.types import TypeEngine

# How much one statement answers at most, so that nobody waits long for others, and little is in memory at once.
ITEMS_AT_ONCE = 100
PAGES_AT_ONCE = 16
# With the row that tells whether more follow. Larger pages, and searches, take a statement of their own.
MAXIMUM_SHARED_LIMIT = DEFAULT_PAGE_SIZE + 1

# The table's columns are the fields of the endpoint's model in their order; tests hold it so.
_JSON = written_as_json(Item).label("json")
_WRITTEN = (Item.id, Item.owner_id, Item.version, _JSON)
# For every other number of ids that it knows of, the planner would plan anew; that takes as long as reading them.
_IDS = sql_cast(hidden("ids", ARRAY(Uuid)), ARRAY(Uuid))
_ITEMS = Statement(select(*_WRITTEN).where(Item.id == any_(_IDS)))
_NEW_ITEM = Statement(
    insert(Item)
    .from_select(
        ["id", "owner_id", "title", "description"],
        select(
            bindparam("id", type_=Uuid),
            bindparam("owner_id", type_=Uuid),
            bindparam("title", type_=Text),
            bindparam("description", type_=Text),
        ).where(func.may_own_items(bindparam("owner_id", type_=Uuid))),
    )
    .returning(*_WRITTEN)
)


class WrittenItem(Protocol):
    """An item as clients see it, and what has to be known of it beside."""

    id: UUID
    owner_id: UUID
    version: int
    json: str


class _AskedPage(NamedTuple):
    owner_id: UUID
    limit: int
    after_value: datetime | str | None
    after_id: UUID | None


class DirectItemRepository:
    """Items, by statements that commit by themselves; PostgreSQL writes them as the endpoint's model would."""

    def __init__(self, pool: StatementPool) -> None:
        self._pool = pool
        self._items = SharedReads(self._fetch_items, keys=ITEMS_AT_ONCE)
        self._pages: dict[tuple[str, bool], SharedReads[_AskedPage, list[str]]] = {}

    async def find(self, item_id: str, *, owner_id: UUID | None) -> WrittenItem | None:
        """Find an item by its id in the canonical form; `owner_id=None` means everybody's."""
        item = await self._items.find(item_id)
        return item if item is not None and (owner_id is None or owner_id == item.owner_id) else None

    async def list_after(
        self, position: Position | None, *, owner_id: UUID, sort: str, words: str | None, limit: int
    ) -> Sequence[str]:
        """Return one owner's items in an order, from after a position on; a minus sign turns the order around."""
        is_first = position is None
        if words is None and limit <= MAXIMUM_SHARED_LIMIT:
            page = _AskedPage(owner_id, limit, *(position or (None, None)))
            return await self._shared_pages(sort, is_first=is_first).find(page) or []
        statement = _page(sort, is_first=is_first, is_searched=words is not None)
        values = page_values(position, owner_id=owner_id, words=words, limit=limit)
        ((items,),) = await self._pool.fetch(statement, **values)
        return cast("list[str]", items)

    def place_of(self, item: str, *, sort: str) -> Place:
        """Say where an item stands in an order."""
        columns = from_json(item)
        value = columns[sort.removeprefix("-")]
        return value if sort.endswith("title") else f"{value[:-1]}+00:00", columns["id"]

    async def add(self, *, owner_id: UUID, title: str, description: str) -> WrittenItem | None:
        """Insert an item; None where its owner was deleted and may have none."""
        values = {"id": uuid7(), "owner_id": owner_id, "title": title, "description": description}
        rows = await self._pool.fetch(_NEW_ITEM, **values)
        return cast("WrittenItem", rows[0]) if rows else None

    async def _fetch_items(self, ids: list[str]) -> Mapping[str, WrittenItem]:
        rows = cast("Sequence[WrittenItem]", await self._pool.fetch(_ITEMS, ids=ids))
        return {str(item.id): item for item in rows}

    def _shared_pages(self, sort: str, *, is_first: bool) -> SharedReads[_AskedPage, list[str]]:
        if (sort, is_first) not in self._pages:
            fetch = partial(self._fetch_pages, _several_pages(sort, is_first=is_first))
            self._pages[sort, is_first] = SharedReads(fetch, keys=PAGES_AT_ONCE, statements=2)
        return self._pages[sort, is_first]

    async def _fetch_pages(self, statement: Statement, pages: list[_AskedPage]) -> Mapping[_AskedPage, list[str]]:
        values = dict(zip(_AskedPage._fields, map(list, zip(*pages, strict=True)), strict=True))
        rows = await self._pool.fetch(statement, **values)
        return dict(zip(pages, (row[0] for row in rows), strict=True))


@cache
def _several_pages(sort: str, *, is_first: bool) -> Statement:
    """Return pages in the order in which they are asked for, by one plan for all owners and numbers of pages."""
    types: dict[str, TypeEngine[Any]] = {"owner_id": Uuid(), "limit": Integer()}
    types |= {} if is_first else {"after_value": sorted_column(sort).type, "after_id": Uuid()}
    values = [hidden(name, ARRAY(type_)) for name, type_ in types.items()]
    columns = [column(name, type_) for name, type_ in types.items()]
    asked = func.unnest(*values).table_valued(*columns, with_ordinality="number").render_derived("asked")
    items = page_statement(
        select(_JSON),
        sort=sort,
        is_first=is_first,
        is_searched=False,
        asked=Asked(**{name: asked.c[name] for name in types}),
    )
    return Statement(select(_together(items.correlate(asked))).select_from(asked).order_by(asked.c.number))


@cache
def _page(sort: str, *, is_first: bool, is_searched: bool) -> Statement:
    items = page_statement(select(_JSON), sort=sort, is_first=is_first, is_searched=is_searched)
    return Statement(select(_together(items)))


def _together(items: Select[str]) -> ColumnElement[list[str]]:
    """To receive twenty rows takes several times as long as one with all of them."""
    return func.array(items.scalar_subquery())
