"""Refuses input that no endpoint could mean, before any of it is parsed."""

import re
from http import HTTPStatus
from itertools import chain
from typing import TYPE_CHECKING
from urllib.parse import unquote_to_bytes

from fastapi import HTTPException, Request

from service_chassis.problem_details import problem_response

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

MAXIMUM_BODY_BYTES = 64 * 1024
MAXIMUM_HEADER_BYTES = 16 * 1024
MAXIMUM_TARGET_BYTES = 8 * 1024
# These may stand in a request only once; two of them are read differently by different servers.
_SINGLE_HEADERS = frozenset({b"content-length", b"content-type", b"host"})
# Most targets, in which nothing has to be decoded or looked for.
_PLAIN_PATH = re.compile(rb"[A-Za-z0-9/._-]*")
_PLAIN_QUERY = re.compile(rb"[A-Za-z0-9=&._-]*")
# An encoded slash is a path separator to some proxies and a character to others, so a route guard can be walked around.
_REFUSED_IN_PATH = (b"%2f", b"%5c", b"\\")

Refusal = tuple[HTTPStatus, str, str]


class InputGuardMiddleware:
    """Bounds headers, target and body, and refuses what is not text: NUL, invalid UTF-8, encoded slashes.

    `larger_bodies` names the paths whose bodies may have another number of bytes than everybody's 64 kB.

    What stands in the body is judged by `StrictRoute` and `StrictModel`. The framework's own `max_body_size` works
    outside of every middleware: its refusals have no request id, no access line and another format.
    """

    def __init__(self, app: "ASGIApp", *, larger_bodies: "Mapping[str, int]") -> None:
        self._app = app
        self._larger_bodies = larger_bodies

    async def __call__(self, scope: "Scope", receive: "Receive", send: "Send") -> None:
        """Answer a refusal, or pass the request on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        maximum_bytes = self._larger_bodies.get(scope["path"], MAXIMUM_BODY_BYTES)
        refusal = find_refusal(scope, dict(scope["headers"]), maximum_bytes=maximum_bytes)
        if refusal is None:
            await self._app(scope, _bounded(receive, maximum_bytes), send)
            return
        status, code, detail = refusal
        response = problem_response(Request(scope), status=status, code=code, detail=detail)
        await response(scope, receive, send)


def find_refusal(scope: "Scope", headers: "Mapping[bytes, bytes]", *, maximum_bytes: int) -> Refusal | None:
    """Judge what is known of a request before its body; `maximum_bytes` is what that may have.

    `headers` has the last line of each, as `dict` makes it of the scope's lines.
    """
    lines = scope["headers"]
    return (
        _judge_target(scope)
        or _judge_headers(lines, is_any_repeated=len(headers) < len(lines))
        or _judge_declared_body(headers.get(b"content-length"), maximum_bytes)
    )


def _judge_target(scope: "Scope") -> Refusal | None:
    path, query = scope["raw_path"], scope["query_string"]
    if len(path) + len(query) > MAXIMUM_TARGET_BYTES:
        return HTTPStatus.REQUEST_URI_TOO_LONG, "uri_too_long", f"The URL exceeds {MAXIMUM_TARGET_BYTES} bytes."
    if _PLAIN_PATH.fullmatch(path) and _PLAIN_QUERY.fullmatch(query):
        return None
    if not (_is_text(path) and _is_text(query)):
        return HTTPStatus.BAD_REQUEST, "malformed_url", "The URL holds a NUL or is not UTF-8."
    if any(refused in path.lower() for refused in _REFUSED_IN_PATH):
        return HTTPStatus.BAD_REQUEST, "malformed_url", "The path holds an encoded slash or a backslash."
    return None


def _judge_headers(lines: "Sequence[tuple[bytes, bytes]]", *, is_any_repeated: bool) -> Refusal | None:
    if sum(map(len, chain.from_iterable(lines))) > MAXIMUM_HEADER_BYTES:
        detail = f"The headers exceed {MAXIMUM_HEADER_BYTES} bytes."
        return HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, "headers_too_large", detail
    names = [name for name, _ in lines if name in _SINGLE_HEADERS] if is_any_repeated else []
    if len(names) != len(set(names)):
        return HTTPStatus.BAD_REQUEST, "repeated_header", "A header that may be sent once was sent twice."
    return None


def _judge_declared_body(declared: bytes | None, maximum_bytes: int) -> Refusal | None:
    if declared is None or _number(declared) <= maximum_bytes:
        return None
    return HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "content_too_large", _too_large(maximum_bytes)


def _number(declared: bytes) -> int:
    try:
        return int(declared)
    except ValueError:
        return 0  # The server judges its form, and the body is counted as it arrives.


def _bounded(receive: "Receive", maximum_bytes: int) -> "Receive":
    """Count the body as it arrives, since a chunked one declares no length."""
    received_bytes = 0

    async def receive_bounded() -> "Message":
        nonlocal received_bytes
        message = await receive()
        received_bytes += len(message.get("body", b""))
        if received_bytes > maximum_bytes:
            raise HTTPException(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, _too_large(maximum_bytes))
        return message

    return receive_bounded


def _too_large(maximum_bytes: int) -> str:
    return f"The body exceeds {maximum_bytes} bytes."


def _is_text(encoded: bytes) -> bool:
    if b"%" not in encoded:
        return encoded.isascii() and b"\0" not in encoded
    decoded = unquote_to_bytes(encoded)
    try:
        decoded.decode()
    except UnicodeDecodeError:
        return False
    return b"\0" not in decoded
