"""Statements about items; each is about one owner's."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from items_service.models import Item


class ItemRepository:
    """Items; `get_*` raises and `find_*` returns None where there is none."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def add(self, *, owner_id: UUID, title: str, description: str) -> Item:
        """Insert an item."""
        item = Item(owner_id=owner_id, title=title, description=description)
        self._session.add(item)
        await self._session.flush()
        return item

    async def find(self, item_id: UUID, *, owner_id: UUID) -> Item | None:
        """Find an item of that owner."""
        return await self._session.scalar(select(Item).where(Item.id == item_id, Item.owner_id == owner_id))

    async def find_and_lock(self, item_id: UUID, *, owner_id: UUID) -> Item | None:
        """Find an item of that owner, and keep others from changing it until the transaction ends."""
        statement = select(Item).where(Item.id == item_id, Item.owner_id == owner_id)
        return await self._session.scalar(statement.with_for_update())

    async def newest_first(self, *, owner_id: UUID, limit: int, after: tuple[datetime, UUID] | None) -> Sequence[Item]:
        """Return that owner's items that come after a position, newest first."""
        statement = select(Item).where(Item.owner_id == owner_id)
        if after is not None:
            statement = statement.where(tuple_(Item.created_at, Item.id) < tuple_(*after))
        statement = statement.order_by(Item.created_at.desc(), Item.id.desc()).limit(limit)
        return (await self._session.scalars(statement)).all()

    async def change(self, item: Item, changes: dict[str, str]) -> None:
        """Store new values of some columns as the next version."""
        for column, value in changes.items():
            setattr(item, column, value)
        item.version += 1
        await self._session.flush()

    async def delete(self, item: Item) -> None:
        """Delete an item."""
        await self._session.delete(item)
        await self._session.flush()
