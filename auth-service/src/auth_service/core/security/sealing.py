"""Authenticated encryption of small secrets."""

import secrets

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_NONCE_BYTES = 12


class WrongKeyError(Exception):
    """The secret was sealed with another key, or was altered."""


def seal(plaintext: bytes, *, key: bytes) -> bytes:
    """Encrypt and authenticate with a 256-bit key."""
    nonce = secrets.token_bytes(_NONCE_BYTES)
    return nonce + AESGCM(key).encrypt(nonce, plaintext, None)


def unseal(sealed: bytes, *, key: bytes) -> bytes:
    """Return what was sealed with this key.

    Raises:
        WrongKeyError: it was sealed with another key, or altered.
    """
    try:
        return AESGCM(key).decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], None)
    except (InvalidTag, ValueError):
        # A piece of a sealed secret is too short to be judged by its tag.
        raise WrongKeyError from None
