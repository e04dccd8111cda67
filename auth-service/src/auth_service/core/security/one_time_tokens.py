"""How the tokens in mails are made and stored."""

import hashlib
import secrets


def new_one_time_token() -> str:
    """Return 256 random bits as text."""
    return secrets.token_urlsafe(32)


def hash_one_time_token(token: str) -> bytes:
    """Return what is stored of a token; a fast hash is enough for 256 random bits."""
    return hashlib.sha256(token.encode()).digest()
