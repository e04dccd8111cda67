"""Adds the headers that keep a browser from doing more with an answer than the API means."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

# OWASP REST Security Cheat Sheet. HSTS belongs to whoever terminates TLS.
_DEFAULT_HEADERS = (
    (b"cache-control", b"no-store"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
)
_DEFAULT_NAMES = frozenset(name for name, _ in _DEFAULT_HEADERS)


class SecurityHeadersMiddleware:
    """Sets each header that the answer does not set itself."""

    def __init__(self, app: "ASGIApp") -> None:
        self._app = app

    async def __call__(self, scope: "Scope", receive: "Receive", send: "Send") -> None:
        """Pass the request on; complete the headers of its answer."""

        async def send_with_headers(message: "Message") -> None:
            if message["type"] == "http.response.start":
                message["headers"] = with_security_headers(message["headers"])
            await send(message)

        await self._app(scope, receive, send_with_headers)


def with_security_headers(headers: "Sequence[tuple[bytes, bytes]]") -> list[tuple[bytes, bytes]]:
    """Complete the headers of an answer."""
    present = [name.lower() for name, _ in headers]
    if _DEFAULT_NAMES.isdisjoint(present):
        return [*headers, *_DEFAULT_HEADERS]
    return [*headers, *(default for default in _DEFAULT_HEADERS if default[0] not in present)]
