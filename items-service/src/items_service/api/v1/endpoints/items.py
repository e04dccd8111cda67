"""One's own items."""

from typing import Any
from uuid import UUID

from fastapi import APIRouter, Request, Response, status

from items_service import models
from items_service.api.dependencies import ReadableItems, WritableItems
from items_service.api.etags import VersionsKnown, VersionsToChange, etag
from items_service.errors import ItemNotFoundError, StaleItemError
from items_service.schemas.items import Item, ItemCreate, ItemPage, ItemUpdate
from items_service.services.items import Page
from service_chassis.errors import (
    DatabaseUnavailableError,
    InsufficientScopeError,
    InvalidTokenError,
    MissingTokenError,
    VerificationKeysUnavailableError,
)
from service_chassis.pagination import InvalidCursorError, PageRequestDep
from service_chassis.problem_details import documented_problems
from service_chassis.strict_json import StrictRoute

_ETAG_HEADER = {"ETag": {"description": "The item's version.", "schema": {"type": "string"}}}
_WITH_ETAG: dict[int | str, dict[str, Any]] = {200: {"headers": _ETAG_HEADER}}

router = APIRouter(
    prefix="/items",
    tags=["items"],
    route_class=StrictRoute,
    responses=documented_problems(
        MissingTokenError,
        InvalidTokenError,
        InsufficientScopeError,
        DatabaseUnavailableError,
        VerificationKeysUnavailableError,
    ),
)


@router.post(
    "",
    status_code=status.HTTP_201_CREATED,
    response_model=Item,
    responses={201: {"headers": _ETAG_HEADER | {"Location": {"schema": {"type": "string"}}}}},
)
async def create_item(new_item: ItemCreate, items: WritableItems, request: Request, response: Response) -> models.Item:
    """Create an item."""
    item = await items.create(new_item)
    response.headers["Location"] = f"{request.scope['path']}/{item.id}"
    response.headers["ETag"] = etag(item.version)
    return item


@router.get("", response_model=ItemPage, responses=documented_problems(InvalidCursorError))
async def list_items(page: PageRequestDep, items: ReadableItems) -> Page:
    """Return my items, newest first, a page at a time."""
    return await items.list_page(limit=page.limit, cursor=page.cursor)


@router.get(
    "/{item_id}",
    response_model=Item,
    responses={**_WITH_ETAG, 304: {"description": "Not changed."}, **documented_problems(ItemNotFoundError)},
)
async def get_item(item_id: UUID, items: ReadableItems, known: VersionsKnown, response: Response) -> object:
    """Return one of my items."""
    item = await items.get(item_id)
    if item.version in known:
        return Response(status_code=status.HTTP_304_NOT_MODIFIED, headers={"ETag": etag(item.version)})
    response.headers["ETag"] = etag(item.version)
    return item


@router.patch(
    "/{item_id}",
    response_model=Item,
    responses={**_WITH_ETAG, **documented_problems(ItemNotFoundError, StaleItemError)},
)
async def update_item(
    item_id: UUID, changes: ItemUpdate, items: WritableItems, versions: VersionsToChange, response: Response
) -> models.Item:
    """Change what is sent of one of my items and leave the rest as it is."""
    item = await items.update(item_id, changes, versions=versions)
    response.headers["ETag"] = etag(item.version)
    return item


@router.delete(
    "/{item_id}",
    status_code=status.HTTP_204_NO_CONTENT,
    responses=documented_problems(ItemNotFoundError, StaleItemError),
)
async def delete_item(item_id: UUID, items: WritableItems, versions: VersionsToChange) -> None:
    """Delete one of my items."""
    await items.delete(item_id, versions=versions)
