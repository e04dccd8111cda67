"""What clients send and get of items."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from service_chassis.pagination import PageRequest
from service_chassis.strict_json import StrictModel, Text

MAXIMUM_BATCH_ITEMS = 500
# So many titles of 200 characters fit in, however they are escaped; descriptions share what is left.
MAXIMUM_BATCH_BYTES = 2 * 1024 * 1024

ItemSort = Literal["created_at", "-created_at", "updated_at", "-updated_at", "title", "-title"]
Title = Annotated[Text, StringConstraints(min_length=1, max_length=200)]
Description = Annotated[Text, StringConstraints(max_length=10_000)]


class ItemBase(StrictModel):
    """What its owner says about an item."""

    title: Title = Field(examples=["Tandem bicycle"])
    description: Description = Field("", examples=["Two seats, one direction."])


class ItemCreate(ItemBase):
    """A new item; it belongs to who creates it."""


class ItemUpdate(StrictModel):
    """Changes to an item; what is left out stays as it is."""

    title: Title = Field(default="", examples=["Tandem bicycle, red"])
    description: Description = Field(default="", examples=["Two seats, one direction, new tyres."])


class ItemInDB(BaseModel):
    """What is stored of an item."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    owner_id: UUID
    title: str
    description: str
    version: int
    created_at: datetime
    updated_at: datetime


class Item(ItemInDB):
    """An item as clients see it."""


class ItemBatch(StrictModel):
    """Several new items, created all or none."""

    items: list[ItemCreate] = Field(min_length=1, max_length=MAXIMUM_BATCH_ITEMS)


class ItemList(BaseModel):
    """Several items."""

    items: list[Item]


class ItemQuery(PageRequest):
    """Which items, in which order, and which page of them."""

    sort: ItemSort = Field("-created_at", description="A minus sign turns the order around.")
    q: Text | None = Field(None, min_length=1, max_length=200, description="Words; the last one may be incomplete.")
    owner_id: UUID | None = Field(None, description="Whose items; superusers only.")


class ItemPage(BaseModel):
    """A page of a list."""

    model_config = ConfigDict(from_attributes=True)

    items: list[Item]
    next_cursor: str | None = Field(description="Ask for the next page with it; null on the last one.")
