"""Statements about items; `owner_id=None` means everybody's."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple, TypeVarTuple
from uuid import UUID

from sqlalchemy import ColumnElement, Integer, Select, Text, Uuid, bindparam, delete, select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.types import TypeEngine

from items_service.models import SEARCHED_TEXT, Item
from service_chassis.text_search import prefix_query

Selected = TypeVarTuple("Selected")

Position = tuple[datetime | str, UUID]
"""Where a row stands in an order: the sorted column's value, and the id among equals."""
Place = tuple[str, str]
"""The same as text, as a cursor keeps it."""


class ItemRepository:
    """Items; `find_*` returns None where there is none."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def add(self, items: Sequence[Item]) -> None:
        """Insert items in one statement."""
        self._session.add_all(items)
        await self._session.flush()

    async def find(self, item_id: UUID, *, owner_id: UUID | None) -> Item | None:
        """Find an item."""
        return await self._session.scalar(_one(item_id, owner_id))

    async def find_and_lock(self, item_id: UUID, *, owner_id: UUID | None) -> Item | None:
        """Find an item, and keep others from changing it until the transaction ends."""
        return await self._session.scalar(_one(item_id, owner_id).with_for_update())

    async def list_after(
        self, position: Position | None, *, owner_id: UUID, sort: str, words: str | None, limit: int
    ) -> Sequence[Item]:
        """Return one owner's items in an order, from after a position on; a minus sign turns the order around."""
        is_first, is_searched = position is None, words is not None
        statement = page_statement(select(Item), sort=sort, is_first=is_first, is_searched=is_searched)
        values = page_values(position, owner_id=owner_id, words=words, limit=limit)
        return (await self._session.scalars(statement, values)).all()

    def place_of(self, item: Item, *, sort: str) -> Place:
        """Say where an item stands in an order."""
        value: datetime | str = getattr(item, sort.removeprefix("-"))
        return value.isoformat() if isinstance(value, datetime) else value, str(item.id)

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

    async def delete_some(self, owner_id: UUID, *, limit: int) -> int:
        """Delete some of one owner's items; return how many."""
        some = select(Item.id).where(Item.owner_id == owner_id).limit(limit)
        return len((await self._session.scalars(delete(Item).where(Item.id.in_(some)).returning(Item.id))).all())


class Asked(NamedTuple):
    """What a page is asked for by: the statement's parameters, or the columns of a table of several pages."""

    owner_id: ColumnElement[UUID]
    limit: ColumnElement[int]
    after_value: ColumnElement[Any] | None = None
    after_id: ColumnElement[UUID] | None = None


def page_statement(
    selected: Select[*Selected], *, sort: str, is_first: bool, is_searched: bool, asked: Asked | None = None
) -> Select[*Selected]:
    """Select from a page of one owner's items; unless it is `asked` for otherwise, by parameters: `page_values`.

    The limit is one of them: for a number that is spelled out, and more than most owners have, PostgreSQL would plan
    for everybody to read and sort all that an owner has.
    """
    column = sorted_column(sort)
    asked = asked or _parameters(column.type)
    descending = sort.startswith("-")
    statement = selected.where(Item.owner_id == asked.owner_id).limit(asked.limit)
    statement = statement.order_by(*((column.desc(), Item.id.desc()) if descending else (column, Item.id)))
    if not is_first:
        place, after = tuple_(column, Item.id), tuple_(asked.after_value, asked.after_id)
        statement = statement.where(place < after if descending else place > after)
    if is_searched:
        statement = statement.where(SEARCHED_TEXT.bool_op("@@")(prefix_query(bindparam("words", type_=Text))))
    return statement


def page_values(position: Position | None, *, owner_id: UUID, words: str | None, limit: int) -> dict[str, Any]:
    """Return what `page_statement` asks for."""
    after_value, after_id = position or (None, None)
    return {
        "owner_id": owner_id,
        "after_value": after_value,
        "after_id": after_id,
        "words": words,
        "limit": limit,
    }


def sorted_column(sort: str) -> ColumnElement[Any]:
    """Return the column that an order goes by."""
    column: ColumnElement[Any] = getattr(Item, sort.removeprefix("-"))
    return column


def hidden(name: str, value_type: TypeEngine[Any]) -> ColumnElement[Any]:
    """Keep a parameter from the planner, so that one plan is made for all values: the index in its order.

    It knows how old everybody's items are together. Of an owner whose items are all old it would expect hardly any
    further on, and read and sort thousands for a page.
    """
    return select(bindparam(name, type_=value_type)).scalar_subquery()


def _parameters(value_type: TypeEngine[Any]) -> Asked:
    return Asked(
        owner_id=bindparam("owner_id", type_=Uuid),
        limit=bindparam("limit", type_=Integer),
        after_value=hidden("after_value", value_type),
        after_id=hidden("after_id", Uuid()),
    )


def _one(item_id: UUID, owner_id: UUID | None) -> Select[Item]:
    statement = select(Item).where(Item.id == item_id)
    return statement if owner_id is None else statement.where(Item.owner_id == owner_id)
