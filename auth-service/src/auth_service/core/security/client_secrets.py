"""How machine clients' secrets are made, stored and compared."""

import hashlib
import hmac
import secrets

# What an unknown client's secret is compared with, so that it costs what a known one's does.
_NOBODYS_HASH = bytes(hashlib.sha256().digest_size)


def new_client_secret() -> str:
    """Return 256 random bits as text."""
    return secrets.token_urlsafe(32)


def hash_client_secret(secret: str) -> bytes:
    """Return what is stored of a secret; a fast hash is enough for what nobody can guess."""
    return hashlib.sha256(secret.encode()).digest()


def verify_client_secret(secret: str, secret_hash: bytes | None) -> bool:
    """Tell whether this is the secret that was hashed; without a hash, False after the same work."""
    matches = hmac.compare_digest(hash_client_secret(secret), secret_hash or _NOBODYS_HASH)
    return matches and secret_hash is not None
