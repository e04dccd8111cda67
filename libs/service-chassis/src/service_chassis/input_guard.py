"""Refuses input that no endpoint could mean, before any of it is parsed."""

from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import unquote_to_bytes

from fastapi import Request

from service_chassis.problem_details import problem_response

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

MAXIMUM_BODY_BYTES = 64 * 1024
MAXIMUM_HEADER_BYTES = 16 * 1024
MAXIMUM_TARGET_BYTES = 8 * 1024
# These may stand in a request only once; two of them are read differently by different servers.
_SINGLE_HEADERS = frozenset({b"content-length", b"content-type", b"host"})
# An encoded slash is a path separator to some proxies and a character to others, so a route guard can be walked around.
_REFUSED_IN_PATH = (b"%2f", b"%5c", b"\\")


class InputGuardMiddleware:
    """Bounds headers and target, and refuses what is not text: NUL, invalid UTF-8, encoded slashes, repeated headers.

    The body's size is bounded by the framework (`max_body_size`), its content by `StrictRoute` and `StrictModel`.
    """

    def __init__(self, app: "ASGIApp") -> None:
        self._app = app

    async def __call__(self, scope: "Scope", receive: "Receive", send: "Send") -> None:
        """Answer a refusal, or pass the request on."""
        refusal = _judge(scope) if scope["type"] == "http" else None
        if refusal is None:
            await self._app(scope, receive, send)
            return
        status, code, detail = refusal
        response = problem_response(Request(scope), status=status, code=code, detail=detail)
        await response(scope, receive, send)


def _judge(scope: "Scope") -> tuple[HTTPStatus, str, str] | None:
    target = scope["raw_path"], scope["query_string"]
    if sum(map(len, target)) > MAXIMUM_TARGET_BYTES:
        return HTTPStatus.REQUEST_URI_TOO_LONG, "uri_too_long", f"The URL exceeds {MAXIMUM_TARGET_BYTES} bytes."
    if not all(map(_is_text, target)):
        return HTTPStatus.BAD_REQUEST, "malformed_url", "The URL holds a NUL or is not UTF-8."
    if any(refused in scope["raw_path"].lower() for refused in _REFUSED_IN_PATH):
        return HTTPStatus.BAD_REQUEST, "malformed_url", "The path holds an encoded slash or a backslash."
    headers = scope["headers"]
    if sum(len(name) + len(value) for name, value in headers) > MAXIMUM_HEADER_BYTES:
        detail = f"The headers exceed {MAXIMUM_HEADER_BYTES} bytes."
        return HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, "headers_too_large", detail
    names = [name for name, _ in headers if name in _SINGLE_HEADERS]
    if len(names) != len(set(names)):
        return HTTPStatus.BAD_REQUEST, "repeated_header", "A header that may be sent once was sent twice."
    return None


def _is_text(encoded: bytes) -> bool:
    if b"%" not in encoded:
        return encoded.isascii() and b"\0" not in encoded
    decoded = unquote_to_bytes(encoded)
    try:
        decoded.decode()
    except UnicodeDecodeError:
        return False
    return b"\0" not in decoded
