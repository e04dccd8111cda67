"""One's own items."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response, status

from items_service import models
from items_service.api.dependencies import Idempotency, ReadableItems, WritableItems
from items_service.api.etags import VersionsKnown, VersionsToChange, etag
from items_service.errors import (
    ForeignOwnerError,
    IdempotencyKeyInFlightError,
    IdempotencyKeyReusedError,
    ItemNotFoundError,
    StaleItemError,
)
from items_service.schemas.items import Item, ItemBatch, ItemCreate, ItemList, ItemPage, ItemQuery, ItemUpdate
from service_chassis.errors import (
    DatabaseUnavailableError,
    InsufficientScopeError,
    InvalidTokenError,
    MissingTokenError,
    VerificationKeysUnavailableError,
)
from service_chassis.pagination import LINK_HEADER, InvalidCursorError, Page, link_next_page
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
    responses={
        201: {"headers": _ETAG_HEADER | {"Location": {"schema": {"type": "string"}}}},
        **documented_problems(IdempotencyKeyInFlightError, IdempotencyKeyReusedError),
    },
)
async def create_item(
    new_item: ItemCreate, items: WritableItems, idempotency: Idempotency, request: Request, response: Response
) -> Item:
    """Create an item."""
    item = await idempotency.once(new_item, answer_type=Item, work=lambda: items.create(new_item))
    response.headers["Location"] = f"{request.scope['path']}/{item.id}"
    response.headers["ETag"] = etag(item.version)
    return item


@router.post(
    "/batch",
    status_code=status.HTTP_201_CREATED,
    responses=documented_problems(IdempotencyKeyInFlightError, IdempotencyKeyReusedError),
)
async def create_items(batch: ItemBatch, items: WritableItems, idempotency: Idempotency) -> ItemList:
    """Create several items, all or none."""

    async def create_all() -> dict[str, list[models.Item]]:
        return {"items": await items.create_all(batch.items)}

    return await idempotency.once(batch, answer_type=ItemList, work=create_all)


@router.get(
    "",
    response_model=ItemPage,
    responses={**LINK_HEADER, **documented_problems(InvalidCursorError, ForeignOwnerError)},
)
async def list_items(
    query: Annotated[ItemQuery, Query()], items: ReadableItems, request: Request, response: Response
) -> Page[models.Item]:
    """Return my items, a page at a time."""
    page = await items.list_page(query)
    link_next_page(page, request=request, response=response)
    return page


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
