"""Separate keys for separate purposes, all from `SECRET_KEY`."""

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from pydantic import SecretStr


def derive_key(secret_key: SecretStr, *, purpose: str) -> bytes:
    """Return 32 bytes that only this purpose uses, so that a leak of one key opens nothing else."""
    derivation = HKDF(algorithm=SHA256(), length=32, salt=None, info=f"tandem {purpose}".encode())
    return derivation.derive(secret_key.get_secret_value().encode())
