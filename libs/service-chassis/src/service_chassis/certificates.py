"""What a process trusts when it asks other services; reading it takes longer than building the rest of a service."""

import ssl
from functools import cache

import httpx


def trusted_certificates(url: str) -> ssl.SSLContext:
    """Return the certificate authorities that a client holds the server at a URL to: none where no server needs any."""
    return _authorities() if url.startswith("https:") else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


@cache
def _authorities() -> ssl.SSLContext:
    return httpx.create_ssl_context()
