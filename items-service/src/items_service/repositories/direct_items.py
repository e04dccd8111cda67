"""Statements about items that are sent most often: put into words once, run without a session, answered in JSON."""

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Protocol, cast
from uuid import UUID

from pydantic_core import from_json
from sqlalchemy import ARRAY, Text, Uuid, any_, bindparam, func, insert, select
from sqlalchemy import cast as sql_cast
from uuid_utils.compat import uuid7

from items_service.models import Item
from items_service.repositories.items import Place, Position, page_statement, page_values
from service_chassis.json_rows import written_as_json
from service_chassis.shared_reads import SharedReads
from service_chassis.statement_pool import Statement, StatementPool

# The table's columns are the fields of the endpoint's model in their order; tests hold it so.
_JSON = written_as_json(Item).label("json")
_WRITTEN = (Item.id, Item.owner_id, Item.version, _JSON)
# Hidden from the planner, which would plan anew for every other number of ids; that takes as long as reading them.
_IDS = sql_cast(select(bindparam("ids", type_=ARRAY(Uuid))).scalar_subquery(), ARRAY(Uuid))
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


class DirectItemRepository:
    """Items, by statements that commit by themselves; PostgreSQL writes them as the endpoint's model would."""

    def __init__(self, pool: StatementPool) -> None:
        self._pool = pool
        self._items = SharedReads(self._fetch)

    async def find(self, item_id: str, *, owner_id: UUID | None) -> WrittenItem | None:
        """Find an item by its id in the canonical form; `owner_id=None` means everybody's."""
        item = await self._items.find(item_id)
        return item if item is not None and (owner_id is None or owner_id == item.owner_id) else None

    async def list_after(
        self, position: Position | None, *, owner_id: UUID, sort: str, words: str | None, limit: int
    ) -> Sequence[str]:
        """Return one owner's items in an order, from after a position on; a minus sign turns the order around."""
        statement = _page(sort, is_first=position is None, is_searched=words is not None)
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

    async def _fetch(self, ids: list[str]) -> Mapping[str, WrittenItem]:
        rows = cast("Sequence[WrittenItem]", await self._pool.fetch(_ITEMS, ids=ids))
        return {str(item.id): item for item in rows}


@cache
def _page(sort: str, *, is_first: bool, is_searched: bool) -> Statement:
    items = page_statement(select(_JSON), sort=sort, is_first=is_first, is_searched=is_searched)
    # To receive twenty rows takes several times as long as one with all of them.
    return Statement(select(func.array(items.scalar_subquery())))
