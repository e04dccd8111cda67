"""Statements about items that are sent most often: put into words once, run without a session, answered in JSON."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cache, partial
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, cast
from uuid import UUID

from pydantic_core import from_json
from sqlalchemy import ARRAY, ColumnElement, Integer, Select, TableValuedAlias, Uuid, any_, column, func, insert, select
from sqlalchemy import cast as sql_cast
from uuid_utils.compat import uuid7

from items_service.models import Item
from items_service.repositories.items import Asked, Place, Position, hidden, page_statement, page_values, sorted_column
from service_chassis.json_rows import written_as_json
from service_chassis.pagination import DEFAULT_PAGE_SIZE
from service_chassis.shared_statements import SharedStatements
from service_chassis.statement_pool import Statement, StatementPool

if TYPE_CHECKING:
    from sqlalchemy.types import TypeEngine

# What one statement is for at most, so that nobody waits long for others, and little is in memory at once.
ITEMS_AT_ONCE = 100
NEW_ITEMS_AT_ONCE = 16
PAGES_AT_ONCE = 16
# With the row that tells whether more follow. Larger pages, and searches, take a statement of their own.
MAXIMUM_SHARED_LIMIT = DEFAULT_PAGE_SIZE + 1

# The table's columns are the fields of the endpoint's model in their order; tests hold it so.
_JSON = written_as_json(Item).label("json")
_WRITTEN = (Item.id, Item.owner_id, Item.version, _JSON)
# For every other number of ids that it knows of, the planner would plan anew; that takes as long as reading them.
_IDS = sql_cast(hidden("ids", ARRAY(Uuid)), ARRAY(Uuid))
_ITEMS = Statement(select(*_WRITTEN).where(Item.id == any_(_IDS)))


class WrittenItem(Protocol):
    """An item as clients see it, and what has to be known of it beside."""

    id: UUID
    owner_id: UUID
    version: int
    json: str


class _NewItem(NamedTuple):
    id: UUID
    owner_id: UUID
    title: str
    description: str


class _AskedPage(NamedTuple):
    owner_id: UUID
    limit: int
    after_value: datetime | str | None
    after_id: UUID | None


class DirectItemRepository:
    """Items, by statements that commit by themselves; PostgreSQL writes them as the endpoint's model would."""

    def __init__(self, pool: StatementPool) -> None:
        self._pool = pool
        self._items = SharedStatements(self._fetch_items, size=ITEMS_AT_ONCE)
        self._new_items = SharedStatements(self._insert_items, size=NEW_ITEMS_AT_ONCE, at_once=2)
        self._pages: dict[tuple[str, bool], SharedStatements[_AskedPage, list[str]]] = {}

    async def find(self, item_id: str, *, owner_id: UUID | None) -> WrittenItem | None:
        """Find an item by its id in the canonical form; `owner_id=None` means everybody's."""
        item = await self._items.ask(item_id)
        return item if item is not None and (owner_id is None or owner_id == item.owner_id) else None

    async def list_after(
        self, position: Position | None, *, owner_id: UUID, sort: str, words: str | None, limit: int
    ) -> Sequence[str]:
        """Return one owner's items in an order, from after a position on; a minus sign turns the order around."""
        is_first = position is None
        if words is None and limit <= MAXIMUM_SHARED_LIMIT:
            page = _AskedPage(owner_id, limit, *(position or (None, None)))
            return await self._shared_pages(sort, is_first=is_first).ask(page) or []
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
        return await self._new_items.ask(_NewItem(uuid7(), owner_id, title, description))

    async def _fetch_items(self, ids: list[str]) -> Mapping[str, WrittenItem]:
        rows = cast("Sequence[WrittenItem]", await self._pool.fetch(_ITEMS, ids=ids))
        return {str(item.id): item for item in rows}

    async def _insert_items(self, items: list[_NewItem]) -> Mapping[_NewItem, WrittenItem]:
        """Insert items of anybody; they are committed together, and those of deleted owners left out."""
        rows = cast("Sequence[WrittenItem]", await self._pool.fetch(_insert(), **_columns(items)))
        written = {row.id: row for row in rows}
        return {item: written[item.id] for item in items if item.id in written}

    def _shared_pages(self, sort: str, *, is_first: bool) -> SharedStatements[_AskedPage, list[str]]:
        if (sort, is_first) not in self._pages:
            fetch = partial(self._fetch_pages, _several_pages(sort, is_first=is_first))
            self._pages[sort, is_first] = SharedStatements(fetch, size=PAGES_AT_ONCE, at_once=2)
        return self._pages[sort, is_first]

    async def _fetch_pages(self, statement: Statement, pages: list[_AskedPage]) -> Mapping[_AskedPage, list[str]]:
        rows = await self._pool.fetch(statement, **_columns(pages))
        return dict(zip(pages, (row[0] for row in rows), strict=True))


@cache
def _insert() -> Statement:
    names = _NewItem._fields
    asked = _table({name: getattr(Item, name).type for name in names})
    items = select(*(asked.c[name] for name in names)).where(func.may_own_items(asked.c.owner_id))
    return Statement(insert(Item).from_select(names, items).returning(*_WRITTEN))


@cache
def _several_pages(sort: str, *, is_first: bool) -> Statement:
    """Return pages in the order in which they are asked for, by one plan for all owners and numbers of pages."""
    types: dict[str, TypeEngine[Any]] = {"owner_id": Uuid(), "limit": Integer()}
    types |= {} if is_first else {"after_value": sorted_column(sort).type, "after_id": Uuid()}
    asked = _table(types)
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


def _table(types: "Mapping[str, TypeEngine[Any]]") -> TableValuedAlias:
    """Make a table of parameters, each of which is a list of one column's values; its rows have a number as well."""
    values = [hidden(name, ARRAY(type_)) for name, type_ in types.items()]
    columns = [column(name, type_) for name, type_ in types.items()]
    return func.unnest(*values).table_valued(*columns, with_ordinality="number").render_derived("asked")


def _columns(rows: Sequence[_NewItem] | Sequence[_AskedPage]) -> dict[str, list[Any]]:
    """Return the values of each column of such a table."""
    return dict(zip(rows[0]._fields, map(list, zip(*rows, strict=True)), strict=True))


def _together(items: Select[str]) -> ColumnElement[list[str]]:
    """To receive twenty rows takes several times as long as one with all of them."""
    return func.array(items.scalar_subquery())
