"""What clients send and get of items."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from service_chassis.strict_json import StrictModel, Text

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


class ItemPage(BaseModel):
    """A page of a list."""

    model_config = ConfigDict(from_attributes=True)

    items: list[Item]
    next_cursor: str | None = Field(description="Ask for the next page with it; null on the last one.")
