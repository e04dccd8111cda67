"""How signing keys and access tokens are made."""

from dataclasses import dataclass, field
from typing import Any, cast
from uuid import UUID

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_der_private_key
from jwt.algorithms import get_default_algorithms
from uuid_utils.compat import uuid7

PrivateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey
_RSA_BITS = 3072


@dataclass(frozen=True, slots=True)
class SigningKeyPair:
    """A private key with its id and the one algorithm that it signs with."""

    key_id: UUID
    algorithm: str
    private_key: PrivateKey = field(repr=False)

    def public_jwk(self) -> dict[str, Any]:
        """Return the public half as it is published."""
        algorithm = get_default_algorithms()[self.algorithm]
        jwk: dict[str, Any] = algorithm.to_jwk(self.private_key.public_key(), as_dict=True)
        return jwk | {"kid": str(self.key_id), "alg": self.algorithm, "use": "sig"}

    def to_der(self) -> bytes:
        """Return the private half in a form to seal and store."""
        return self.private_key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())

    @classmethod
    def from_der(cls, der: bytes, *, key_id: UUID, algorithm: str) -> "SigningKeyPair":
        """Return the key pair that `to_der` was called on."""
        # The check of an RSA key takes 140 ms of the event loop; what was sealed is what `to_der` gave.
        loaded = load_der_private_key(der, password=None, unsafe_skip_rsa_key_validation=True)
        private_key = cast("PrivateKey", loaded)
        return cls(key_id, algorithm, private_key)

    @classmethod
    def generate(cls, algorithm: str) -> "SigningKeyPair":
        """Return a new key pair for ES256, RS256 or EdDSA."""
        match algorithm:
            case "ES256":
                private_key: PrivateKey = ec.generate_private_key(ec.SECP256R1())
            case "EdDSA":
                private_key = ed25519.Ed25519PrivateKey.generate()
            case "RS256":
                private_key = rsa.generate_private_key(public_exponent=65537, key_size=_RSA_BITS)
            case _:
                raise ValueError(f"no such algorithm: {algorithm}")
        return cls(uuid7(), algorithm, private_key)


def create_access_token(claims: dict[str, Any], *, key: SigningKeyPair) -> str:
    """Sign claims as an access token (RFC 9068)."""
    headers = {"typ": "at+jwt", "kid": str(key.key_id)}
    return jwt.encode(claims, key.private_key, algorithm=key.algorithm, headers=headers)
