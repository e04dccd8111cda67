"""What people do with their items."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from items_service.errors import ItemNotFoundError, StaleItemError
from items_service.models import Item
from items_service.repositories.items import ItemRepository
from items_service.schemas.items import ItemCreate, ItemUpdate
from service_chassis.pagination import CursorSigner


@dataclass(frozen=True, slots=True)
class Page:
    """Some items, and the cursor after them unless they are the last."""

    items: Sequence[Item]
    next_cursor: str | None


class ItemService:
    """One user's items; everybody else's look as if they did not exist."""

    def __init__(self, *, items: ItemRepository, cursors: CursorSigner, owner_id: UUID) -> None:
        self._items = items
        self._cursors = cursors
        self._owner_id = owner_id

    async def create(self, new_item: ItemCreate) -> Item:
        """Create an item."""
        return await self._items.add(owner_id=self._owner_id, title=new_item.title, description=new_item.description)

    async def get(self, item_id: UUID) -> Item:
        """Return an item.

        Raises:
            ItemNotFoundError: there is none with this id, or it is somebody else's.
        """
        item = await self._items.find(item_id, owner_id=self._owner_id)
        if item is None:
            raise ItemNotFoundError
        return item

    async def list_page(self, *, limit: int, cursor: str | None) -> Page:
        """Return the items after the cursor, newest first.

        Raises:
            InvalidCursorError: the cursor was not handed out for this list.
        """
        list_name = f"items of {self._owner_id}, newest first"
        after = None if cursor is None else _position(self._cursors.verify(cursor, list_name=list_name))
        # One more than asked for tells whether there is a next page.
        found = await self._items.newest_first(owner_id=self._owner_id, limit=limit + 1, after=after)
        items = found[:limit]
        if len(found) <= limit:
            return Page(items, None)
        last = items[-1]
        position = last.created_at.isoformat(), str(last.id)
        return Page(items, self._cursors.sign(position, list_name=list_name))

    async def update(self, item_id: UUID, changes: ItemUpdate, *, versions: Collection[int] | None) -> Item:
        """Change what was sent and leave the rest as it is; with versions given, only if the item is at one of them.

        Raises:
            ItemNotFoundError: there is none with this id, or it is somebody else's.
            StaleItemError: the item is at another version.
        """
        item = await self._get_for_change(item_id, versions)
        await self._items.change(item, changes.model_dump(exclude_unset=True))
        return item

    async def delete(self, item_id: UUID, *, versions: Collection[int] | None) -> None:
        """Delete an item; with versions given, only if it is at one of them.

        Raises:
            ItemNotFoundError: there is none with this id, or it is somebody else's.
            StaleItemError: the item is at another version.
        """
        await self._items.delete(await self._get_for_change(item_id, versions))

    async def _get_for_change(self, item_id: UUID, versions: Collection[int] | None) -> Item:
        item = await self._items.find_and_lock(item_id, owner_id=self._owner_id)
        if item is None:
            raise ItemNotFoundError
        if versions is not None and item.version not in versions:
            raise StaleItemError
        return item


def _position(values: Sequence[str]) -> tuple[datetime, UUID]:
    created_at, item_id = values
    return datetime.fromisoformat(created_at), UUID(item_id)
