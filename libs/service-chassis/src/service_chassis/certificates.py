"""What a process trusts when it asks other services; reading it takes longer than building the rest of a service."""

import ssl
from functools import cache

import httpx


@cache
def trusted_certificates() -> ssl.SSLContext:
    """Return the certificate authorities that every client of this process holds servers to."""
    return httpx.create_ssl_context()
