"""How refresh tokens are made, stored and sealed."""

import hashlib
import secrets

from auth_service.core.security.sealing import seal, unseal


def new_refresh_token() -> str:
    """Return 256 random bits as text."""
    return secrets.token_urlsafe(32)


def hash_refresh_token(token: str) -> bytes:
    """Return what is stored of a token; a fast hash is enough for 256 random bits."""
    return hashlib.sha256(token.encode()).digest()


def seal_successor(successor: str, *, used_token: str) -> bytes:
    """Encrypt a token so that only who holds the one it replaces can read it."""
    return seal(successor.encode(), key=_successor_key(used_token))


def unseal_successor(sealed: bytes, *, used_token: str) -> str:
    """Return the token that replaced the used one."""
    return unseal(sealed, key=_successor_key(used_token)).decode()


def _successor_key(used_token: str) -> bytes:
    return hashlib.sha256(b"successor of " + used_token.encode()).digest()
