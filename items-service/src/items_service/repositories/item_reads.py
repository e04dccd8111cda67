"""Statements that read items and are sent most often: put into words once, and run without a session."""

from collections.abc import Mapping, Sequence
from typing import cast
from uuid import UUID

from sqlalchemy import ARRAY, Uuid, any_, bindparam, select

from items_service.models import Item
from items_service.repositories.items import Position, page_statement, page_values
from service_chassis.read_pool import ReadPool, ReadStatement, SharedReads

_ITEMS = ReadStatement(select(Item).where(Item.id == any_(bindparam("ids", type_=ARRAY(Uuid)))))
_PAGES = {
    (sort, is_first, is_searched): ReadStatement(page_statement(sort, is_first=is_first, is_searched=is_searched))
    for column in ("created_at", "updated_at", "title")
    for sort in (column, f"-{column}")
    for is_first in (True, False)
    for is_searched in (True, False)
}


class ItemReadRepository:
    """Items for reading; the rows have the attributes of `Item` and belong to no session."""

    def __init__(self, pool: ReadPool) -> None:
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

    async def _fetch(self, ids: list[UUID]) -> Mapping[UUID, Item]:
        rows = cast("Sequence[Item]", await self._pool.fetch(_ITEMS, ids=ids))
        return {item.id: item for item in rows}
