"""Reads a JSON Web Key Set and keeps only keys that can verify access tokens."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any

from jwt import PyJWK
from jwt.exceptions import PyJWTError
from pydantic_core import from_json, to_json

MAXIMUM_KEYS = 50
MAXIMUM_KEY_SET_BYTES = 64 * 1024
MINIMUM_RSA_BITS = 2048

_ALGORITHM_OF_KEY_TYPE = {
    ("EC", "P-256"): "ES256",
    ("OKP", "Ed25519"): "EdDSA",
    ("RSA", None): "RS256",
}


@dataclass(frozen=True, slots=True)
class VerificationKey:
    """A public key together with the one algorithm that it may be used with."""

    key_id: str
    algorithm: str
    jwk: PyJWK

    def verifies(self, signature: bytes, signed: bytes) -> bool:
        """Whether the signature over these bytes was made with the private half of this key."""
        return self.jwk.Algorithm.verify(signed, self.jwk.key, signature)


def parse_key_set(document: bytes) -> dict[str, VerificationKey]:
    """Return the usable keys by their ids; a key that is unusable or symmetric is left out.

    Raises:
        ValueError: the document is no key set, too large, or holds no usable key.
    """
    if len(document) > MAXIMUM_KEY_SET_BYTES:
        raise ValueError(f"a key set of more than {MAXIMUM_KEY_SET_BYTES} bytes")
    parsed = from_json(document, allow_inf_nan=False)
    entries = parsed.get("keys") if isinstance(parsed, dict) else None
    if not isinstance(entries, list) or len(entries) > MAXIMUM_KEYS:
        raise ValueError(f"not a set of at most {MAXIMUM_KEYS} keys")
    keys = {key.key_id: key for key in _usable_keys(entries)}
    if not keys:
        raise ValueError("no usable key")
    return keys


def without_keys(document: bytes, key_ids: Collection[str]) -> bytes:
    """Return a key set without those keys; one that has none of them stays as it is, byte by byte."""
    entries = from_json(document)["keys"]
    unwanted = [entry for entry in entries if isinstance(entry, dict) and entry.get("kid") in tuple(key_ids)]
    return to_json({"keys": [entry for entry in entries if entry not in unwanted]}) if unwanted else document


def _usable_keys(entries: list[Any]) -> Iterator[VerificationKey]:
    for entry in entries:
        if isinstance(entry, dict) and (key := _usable_key(entry)) is not None:
            yield key


def _usable_key(entry: dict[str, Any]) -> VerificationKey | None:
    key_type, curve, key_id = entry.get("kty"), entry.get("crv"), entry.get("kid")
    if not isinstance(key_id, str) or not key_id or not isinstance(key_type, str):
        return None
    algorithm = _ALGORITHM_OF_KEY_TYPE.get((key_type, curve if isinstance(curve, str) else None))
    if algorithm is None or entry.get("alg", algorithm) != algorithm or not _is_for_verifying(entry):
        return None
    public = {name: value for name, value in entry.items() if name in {"kty", "crv", "x", "y", "n", "e"}}
    try:
        jwk = PyJWK(public, algorithm)
    except (PyJWTError, ValueError, TypeError):
        return None
    if algorithm == "RS256" and jwk.key.key_size < MINIMUM_RSA_BITS:
        return None
    return VerificationKey(key_id, algorithm, jwk)


def _is_for_verifying(entry: dict[str, Any]) -> bool:
    operations = entry.get("key_ops", ["verify"])
    return entry.get("use", "sig") == "sig" and isinstance(operations, list) and "verify" in operations
