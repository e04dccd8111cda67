"""Keeps private keys sealed with SECRET_KEY, a list: the first one seals, all of them unseal."""

import contextlib
from collections.abc import Sequence
from enum import StrEnum
from uuid import UUID

import structlog
from pydantic import SecretStr

from auth_service.core.security import SigningKeyPair, WrongKeyError, seal, unseal
from auth_service.models import SigningKey
from service_chassis.key_derivation import derive_key

logger = structlog.stdlib.get_logger(__name__)


class SealedWith(StrEnum):
    """Which of the secrets a key was sealed with."""

    FIRST = "first"
    OLDER = "older"
    UNKNOWN = "unknown"


class KeySealing:
    """Seals and unseals signing keys."""

    def __init__(self, secret_keys: Sequence[SecretStr]) -> None:
        self._sealing_keys = [derive_key(secret, purpose="signing keys") for secret in secret_keys]

    def seal(self, pair: SigningKeyPair) -> bytes:
        """Return the private half in the form in which it is stored."""
        return seal(pair.to_der(), key=self._sealing_keys[0])

    def unseal(self, key: SigningKey) -> SigningKeyPair | None:
        """Return the key pair, None when it was sealed with a secret that isn't in the list."""
        for sealing_key in self._sealing_keys:
            try:
                der = unseal(key.sealed_private_key, key=sealing_key)
            except WrongKeyError:
                continue
            return SigningKeyPair.from_der(der, key_id=key.id, algorithm=key.algorithm)
        return None

    def sealed_with(self, key: SigningKey) -> SealedWith:
        """Say which secrets a key still needs."""
        for position, sealing_key in enumerate(self._sealing_keys):
            with contextlib.suppress(WrongKeyError):
                unseal(key.sealed_private_key, key=sealing_key)
                return SealedWith.FIRST if position == 0 else SealedWith.OLDER
        return SealedWith.UNKNOWN


class UnsealedKeys:
    """The key pairs that a process can use: also one that was meanwhile sealed with a secret that it lacks."""

    def __init__(self, sealing: KeySealing) -> None:
        self._sealing = sealing
        self._pairs: dict[UUID, SigningKeyPair | None] = {}

    def update(self, keys: Sequence[SigningKey]) -> None:
        """Unseal new keys, and forget those that are no longer stored."""
        pairs = {key.id: self._pairs.get(key.id) or self._sealing.unseal(key) for key in keys}
        for key_id in [key_id for key_id, pair in pairs.items() if pair is None and key_id not in self._pairs]:
            logger.error("signing key can't be decrypted: SECRET_KEY lacks what it was sealed with", key_id=str(key_id))
        self._pairs = pairs

    def find(self, key_id: UUID) -> SigningKeyPair | None:
        """Return a key pair that can be used."""
        return self._pairs.get(key_id)
