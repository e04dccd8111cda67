"""Statements about items that are sent most often: put into words once, and run without a session."""

from collections.abc import Mapping, Sequence
from typing import cast
from uuid import UUID

from sqlalchemy import ARRAY, Text, Uuid, any_, bindparam, func, insert, select
from uuid_utils.compat import uuid7

from items_service.models import Item
from items_service.repositories.items import Position, page_statement, page_values
from service_chassis.shared_reads import SharedReads
from service_chassis.statement_pool import Statement, StatementPool

_ITEMS = Statement(select(Item).where(Item.id == any_(bindparam("ids", type_=ARRAY(Uuid)))))
_PAGES = {
    (f"{sign}{column}", is_first, is_searched): Statement(
        page_statement(f"{sign}{column}", is_first=is_first, is_searched=is_searched)
    )
    for column in ("created_at", "updated_at", "title")
    for sign in ("", "-")
    for is_first in (True, False)
    for is_searched in (True, False)
}
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
    .returning(Item)
)


class DirectItemRepository:
    """Items, by statements that commit by themselves; rows have the attributes of `Item` and belong to no session."""

    def __init__(self, pool: StatementPool) -> None:
        self._pool = pool
        self._items = SharedReads(self._fetch)

    async def find(self, item_id: UUID, *, owner_id: UUID | None) -> Item | None:
        """Find an item; `owner_id=None` means everybody's."""
        item = await self._items.find(item_id)
        return item if item is not None and owner_id in {None, item.owner_id} else None

    async def list_after(
        self, position: Position | None, *, owner_id: UUID, sort: str, words: str | None, limit: int
    ) -> Sequence[Item]:
        """Return one owner's items in an order, from after a position on; a minus sign turns the order around."""
        statement = _PAGES[sort, position is None, words is not None]
        values = page_values(position, owner_id=owner_id, words=words, limit=limit)
        return cast("Sequence[Item]", await self._pool.fetch(statement, **values))

    async def add(self, *, owner_id: UUID, title: str, description: str) -> Item | None:
        """Insert an item; None where its owner was deleted and may have none."""
        values = {"id": uuid7(), "owner_id": owner_id, "title": title, "description": description}
        rows = await self._pool.fetch(_NEW_ITEM, **values)
        return cast("Item", rows[0]) if rows else None

    async def _fetch(self, ids: list[UUID]) -> Mapping[UUID, Item]:
        rows = cast("Sequence[Item]", await self._pool.fetch(_ITEMS, ids=ids))
        return {item.id: item for item in rows}
