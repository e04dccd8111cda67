"""Keyset pages: a cursor says after which row the next page begins, so page 10,000 costs what page 1 costs."""

import hashlib
import hmac
from collections.abc import Sequence

from fastapi import Query
from pydantic import BaseModel, SecretStr
from pydantic_core import from_json, to_json

from service_chassis.base64url import decode_base64url, encode_base64url
from service_chassis.errors import BadRequestError
from service_chassis.key_derivation import derive_key

DEFAULT_PAGE_SIZE = 20
MAXIMUM_PAGE_SIZE = 100
_SIGNATURE_BYTES = 16


class InvalidCursorError(BadRequestError):
    """The cursor was edited, or belongs to another caller or another query."""

    code = "invalid_cursor"
    detail = "The cursor is not one that this list handed out for this caller and these parameters."


class PageRequest(BaseModel, extra="forbid"):
    """Which page of a list the caller wants."""

    limit: int = Query(DEFAULT_PAGE_SIZE, ge=1, le=MAXIMUM_PAGE_SIZE, description="Rows on a page.")
    cursor: str | None = Query(None, max_length=1024, description="`next_cursor` of the page before.")


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
    return hmac.digest(key, to_json([list_name]) + payload, hashlib.sha256)[:_SIGNATURE_BYTES]
