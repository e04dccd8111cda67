"""What people do with their items."""

from collections.abc import Callable, Container, Sequence
from datetime import datetime
from typing import Generic, Protocol, TypeVar
from uuid import UUID

from items_service.errors import ForeignOwnerError, ItemNotFoundError, StaleItemError
from items_service.metrics import ITEMS_CHANGED
from items_service.models import Item
from items_service.repositories.deleted_owners import DeletedOwnerRepository
from items_service.repositories.direct_items import DirectItemRepository, WrittenItem
from items_service.repositories.items import ItemRepository, Place, Position
from items_service.schemas.items import ItemCreate, ItemQuery, ItemUpdate
from service_chassis.access_tokens.claims import AccessToken
from service_chassis.errors import InvalidTokenError
from service_chassis.pagination import CursorSigner, Page, cut_page

_CREATED = ITEMS_CHANGED.labels("created")

Row = TypeVar("Row")
FoundItem = TypeVar("FoundItem")


class ItemRows(Protocol[Row]):
    """Where pages of items are read from."""

    async def list_after(
        self, position: Position | None, *, owner_id: UUID, sort: str, words: str | None, limit: int
    ) -> Sequence[Row]:
        """Return one owner's items in an order, from after a position on."""

    def place_of(self, item: Row, *, sort: str) -> Place:
        """Say where an item stands in an order."""


class ItemPages(Generic[Row]):
    """Pages of the caller's items; superusers may see everybody's."""

    def __init__(self, *, rows: ItemRows[Row], cursors: CursorSigner, caller: AccessToken) -> None:
        self._rows = rows
        self._cursors = cursors
        self._caller = caller
        # To anybody but superusers, other people's items look as if they did not exist.
        self._reachable_owner_id = None if caller.is_superuser else caller.subject

    async def list_page(self, query: ItemQuery) -> Page[Row]:
        """Return the items after the query's cursor.

        Raises:
            ForeignOwnerError: the list is somebody else's, and the caller no superuser.
            InvalidCursorError: the cursor was not handed out for this list.
        """
        owner_id = query.owner_id or self._caller.subject
        if owner_id != self._caller.subject and not self._caller.is_superuser:
            raise ForeignOwnerError
        list_name = f"items of {owner_id} by {query.sort} with {query.q}"
        after = None
        if query.cursor is not None:
            after = _position(self._cursors.verify(query.cursor, list_name=list_name), sort=query.sort)
        found = await self._rows.list_after(
            after, owner_id=owner_id, sort=query.sort, words=query.q, limit=query.limit + 1
        )
        return cut_page(
            found,
            limit=query.limit,
            cursor_after=lambda item: self._cursors.sign(
                self._rows.place_of(item, sort=query.sort), list_name=list_name
            ),
        )


class DirectItems(ItemPages[str]):
    """The caller's items without a session, as clients see them: for reading, and for creating a single one."""

    def __init__(self, *, items: DirectItemRepository, cursors: CursorSigner, caller: AccessToken) -> None:
        super().__init__(rows=items, cursors=cursors, caller=caller)
        self._items = items

    async def get(self, item_id: str) -> WrittenItem:
        """Return an item by its id in the canonical form.

        Raises:
            ItemNotFoundError: there is none with this id, or it is somebody else's.
        """
        return _found(await self._items.find(item_id, owner_id=self._reachable_owner_id))

    async def create(self, new_item: ItemCreate) -> WrittenItem:
        """Create an item that belongs to the caller.

        Raises:
            InvalidTokenError: the caller was deleted a moment ago.
        """
        item = await self._items.add(
            owner_id=self._caller.subject, title=new_item.title, description=new_item.description
        )
        if item is None:
            raise InvalidTokenError
        _CREATED.inc()
        return item


class ItemService(ItemPages[Item]):
    """The caller's items for reading and changing."""

    def __init__(
        self,
        *,
        items: ItemRepository,
        deleted_owners: DeletedOwnerRepository,
        cursors: CursorSigner,
        caller: AccessToken,
        call_on_commit: Callable[[Callable[[], None]], None],
    ) -> None:
        super().__init__(rows=items, cursors=cursors, caller=caller)
        self._items = items
        self._deleted_owners = deleted_owners
        self._call_on_commit = call_on_commit

    async def get(self, item_id: UUID) -> Item:
        """Return an item.

        Raises:
            ItemNotFoundError: there is none with this id, or it is somebody else's.
        """
        return _found(await self._items.find(item_id, owner_id=self._reachable_owner_id))

    async def create(self, new_item: ItemCreate) -> Item:
        """Create an item that belongs to the caller.

        Raises:
            InvalidTokenError: the caller was deleted a moment ago.
        """
        [item] = await self.create_all([new_item])
        return item

    async def create_all(self, new_items: Sequence[ItemCreate]) -> list[Item]:
        """Create several items that belong to the caller, all or none.

        Raises:
            InvalidTokenError: the caller was deleted a moment ago.
        """
        if not await self._deleted_owners.may_own_items(self._caller.subject):
            raise InvalidTokenError
        items = [Item(owner_id=self._caller.subject, **new_item.model_dump()) for new_item in new_items]
        await self._items.add(items)
        self._count("created", len(items))
        return items

    async def update(self, item_id: UUID, changes: ItemUpdate, *, versions: Container[int]) -> Item:
        """Change what was sent and leave the rest as it is, if the item is at one of the versions.

        Raises:
            ItemNotFoundError: there is none with this id, or it is somebody else's.
            StaleItemError: the item is at another version.
        """
        item = await self._get_for_change(item_id, versions)
        await self._items.change(item, changes.model_dump(exclude_unset=True))
        self._count("updated")
        return item

    async def delete(self, item_id: UUID, *, versions: Container[int]) -> None:
        """Delete an item, if it is at one of the versions.

        Raises:
            ItemNotFoundError: there is none with this id, or it is somebody else's.
            StaleItemError: the item is at another version.
        """
        await self._items.delete(await self._get_for_change(item_id, versions))
        self._count("deleted")

    async def _get_for_change(self, item_id: UUID, versions: Container[int]) -> Item:
        item = _found(await self._items.find_and_lock(item_id, owner_id=self._reachable_owner_id))
        if item.version not in versions:
            raise StaleItemError
        return item

    def _count(self, action: str, number: int = 1) -> None:
        self._call_on_commit(lambda: ITEMS_CHANGED.labels(action).inc(number))


def _found(item: FoundItem | None) -> FoundItem:
    if item is None:
        raise ItemNotFoundError
    return item


def _position(place: Sequence[str], *, sort: str) -> Position:
    value, item_id = place
    return value if sort.endswith("title") else datetime.fromisoformat(value), UUID(item_id)
