"""Keyset pages: a cursor says after which row the next page begins, so page 10,000 costs what page 1 costs."""

import hashlib
import hmac
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar
from urllib.parse import urlencode

from fastapi import Query, Request, Response
from pydantic import BaseModel, SecretStr
from pydantic_core import from_json, to_json

from service_chassis.base64url import decode_base64url, encode_base64url
from service_chassis.errors import BadRequestError
from service_chassis.key_derivation import derive_key

DEFAULT_PAGE_SIZE = 20
MAXIMUM_PAGE_SIZE = 100
LINK_HEADER: dict[int | str, dict[str, Any]] = {
    200: {"headers": {"Link": {"description": "The next page (RFC 8288).", "schema": {"type": "string"}}}}
}
"""Describes for OpenAPI what `link_next_page` adds to an answer."""
_SIGNATURE_BYTES = 16

Row = TypeVar("Row")


class InvalidCursorError(BadRequestError):
    """The cursor was edited, or belongs to another caller or another query."""

    code = "invalid_cursor"
    detail = "The cursor is not one that this list handed out for this caller and these parameters."


class PageRequest(BaseModel, extra="forbid"):
    """Which page of a list the caller wants."""

    limit: int = Query(DEFAULT_PAGE_SIZE, ge=1, le=MAXIMUM_PAGE_SIZE, description="Rows on a page.")
    # How long a cursor may be depends on the column that a list is sorted by; a URL is bounded as a whole.
    cursor: str | None = Query(None, description="`next_cursor` of the page before.")


@dataclass(frozen=True, slots=True)
class Page(Generic[Row]):
    """Some rows of a list, and the cursor after them unless they are the last."""

    items: Sequence[Row]
    next_cursor: str | None


def cut_page(found: Sequence[Row], *, limit: int, cursor_after: Callable[[Row], str]) -> Page[Row]:
    """Make a page of the rows that were found by asking for one more than `limit`, which tells whether more follow."""
    items = found[:limit]
    return Page(items, cursor_after(items[-1]) if len(found) > limit else None)


def link_next_page(page: Page[Row], *, request: Request, response: Response) -> None:
    """Name the next page in the answer's header as well, for clients that walk any list in the same way."""
    query = query_without_cursor(request.query_params)
    link = next_page_link(page, path=request.scope["path"], query=query)
    if link is not None:
        response.headers["Link"] = link


def next_page_link(page: Page[Row], *, path: str, query: str) -> str | None:
    """Return the header's value, with the `query_without_cursor` of this page; None on the last page."""
    if page.next_cursor is None:
        return None
    # There is nothing in a cursor that would have to be encoded.
    return f'<{path}?{query}{"&" if query else ""}cursor={page.next_cursor}>; rel="next"'


def query_without_cursor(parameters: Mapping[str, str]) -> str:
    """Return what all pages of a list are asked for with, encoded."""
    return urlencode({name: value for name, value in parameters.items() if name != "cursor"})


class CursorSigner:
    """Makes cursors that can't be edited, and that work for one list only."""

    def __init__(self, secret_keys: Sequence[SecretStr]) -> None:
        self._keys = [derive_key(key, purpose="pagination cursor") for key in secret_keys]

    def sign(self, position: Sequence[str], *, list_name: str) -> str:
        """Return the opaque cursor after the row at that position; `list_name` says whose list and which query."""
        payload = to_json(position)
        return encode_base64url(_signature(self._keys[0], payload, list_name=list_name) + payload)

    def verify(self, cursor: str, *, list_name: str) -> list[str]:
        """Return the position that a cursor of this list stands for.

        Raises:
            InvalidCursorError: it was edited or handed out for another list.
        """
        try:
            signed = decode_base64url(cursor)
        except ValueError:
            raise InvalidCursorError from None
        signature, payload = signed[:_SIGNATURE_BYTES], signed[_SIGNATURE_BYTES:]
        if not any(hmac.compare_digest(signature, _signature(key, payload, list_name=list_name)) for key in self._keys):
            raise InvalidCursorError
        position: list[str] = from_json(payload)
        return position


def _signature(key: bytes, payload: bytes, *, list_name: str) -> bytes:
    # With a key BLAKE2 is a MAC by itself, and takes 2 µs where HMAC-SHA-256 takes 7.
    return hashlib.blake2b(to_json([list_name]) + payload, key=key, digest_size=_SIGNATURE_BYTES).digest()
