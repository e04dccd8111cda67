"""The requests of which there are most, answered without the framework; each says what its route says."""

import re
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import parse_qsl

from pydantic_core import from_json, to_json

from items_service.api.dependencies import Resources
from items_service.api.etags import etag, versions_known
from items_service.schemas.items import ItemCreate, ItemQuery
from items_service.services.items import DirectItems
from service_chassis.hot_endpoints import HotAnswer, HotEndpoint, HotRequest
from service_chassis.pagination import next_page_link, query_without_cursor

_CANONICAL_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_CREATED = 201
_NOT_MODIFIED = 304


class HotItems:
    """Plain reads of items and plain new ones, over what lives as long as the process."""

    def __init__(self, resources: Resources) -> None:
        self._resources = resources

    def at(self, prefix: str) -> list[HotEndpoint]:
        """Return the endpoints under that prefix."""
        items, item = f"{prefix}/items", f"{prefix}/items/{{item_id}}"
        return [
            HotEndpoint("GET", items, scope="items:read", answer=self._list_items),
            HotEndpoint("GET", item, scope="items:read", answer=self._get_item),
            HotEndpoint("POST", items, scope="items:write", answer=self._create_item),
        ]

    async def _list_items(self, request: HotRequest) -> HotAnswer | None:
        asked = _read_query(request.query)
        if asked is None:
            return None
        page = await self._items(request).list_page(asked.page)
        link = next_page_link(page, path=request.path, query=asked.query_without_cursor)
        body = f'{{"items":[{",".join(page.items)}],"next_cursor":{to_json(page.next_cursor).decode()}}}'
        return HotAnswer(body.encode(), [] if link is None else [(b"link", link.encode("latin-1"))])

    async def _get_item(self, request: HotRequest) -> HotAnswer | None:
        item_id = request.path_values["item_id"]
        if not _CANONICAL_ID.fullmatch(item_id):
            return None
        item = await self._items(request).get(item_id)
        headers = [(b"etag", etag(item.version).encode())]
        if_none_match = request.headers.get(b"if-none-match")
        if if_none_match is not None and item.version in versions_known(if_none_match.decode("latin-1")):
            return HotAnswer(headers=headers, status=_NOT_MODIFIED)
        return HotAnswer(item.json.encode(), headers)

    async def _create_item(self, request: HotRequest) -> HotAnswer | None:
        is_plain = request.headers.get(b"content-type") == b"application/json" and not request.query
        new_item = _new_item(request.body) if is_plain and b"idempotency-key" not in request.headers else None
        if new_item is None:
            return None
        item = await self._items(request).create(new_item)
        headers = [(b"location", f"{request.path}/{item.id}".encode()), (b"etag", etag(item.version).encode())]
        return HotAnswer(item.json.encode(), headers, _CREATED)

    def _items(self, request: HotRequest) -> DirectItems:
        resources = self._resources
        return DirectItems(items=resources.direct_items, cursors=resources.cursors, caller=request.caller)


class _Asked(NamedTuple):
    """What a query means, and what the other pages' queries say as well."""

    page: ItemQuery
    query_without_cursor: str


# Most ask for a first page, and that in one of a few ways.
@lru_cache(maxsize=256)
def _read_query(query: bytes) -> _Asked | None:
    """Return what is asked for, None where the query is no text, says something twice, or may be wrong."""
    try:
        pairs = _pairs(query.decode("ascii")) if query else []
        parameters = dict(pairs)
        page = ItemQuery.model_validate(parameters)
        return _Asked(page, query_without_cursor(parameters)) if len(parameters) == len(pairs) else None
    except ValueError:
        return None


def _pairs(query: str) -> list[tuple[str, str]]:
    return parse_qsl(query, keep_blank_values=True, strict_parsing=True, errors="strict")


def _new_item(body: bytes) -> ItemCreate | None:
    try:
        return ItemCreate.model_validate(from_json(body, allow_inf_nan=False))
    except ValueError:
        return None
