"""An issuer of access tokens for tests: what auth-service does, without auth-service."""

import json
import time
from collections.abc import Callable, Mapping
from typing import Any
from uuid import UUID, uuid4

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from jwt.algorithms import ECAlgorithm

from service_chassis.access_tokens.keys import VerificationKey, parse_key_set
from service_chassis.base64url import encode_base64url

ISSUER = "http://localhost:8080"
AUDIENCE = "tandem"
SERVICE_AUDIENCE = "tandem-services"
USER_SCOPE = "items:read items:write users:me"


class TokenIssuer:
    """Signs with one ES256 key; every claim and header can be replaced, and left out by giving None."""

    def __init__(self, key_id: str = "test-key") -> None:
        self.key_id = key_id
        self.private_key = ec.generate_private_key(ec.SECP256R1())

    def public_jwk(self) -> dict[str, Any]:
        """Return the public key as a JSON Web Key."""
        jwk: dict[str, Any] = ECAlgorithm.to_jwk(self.private_key.public_key(), as_dict=True)
        return jwk | {"kid": self.key_id, "alg": "ES256", "use": "sig"}

    def key_set(self) -> bytes:
        """Return the key set as auth-service publishes it."""
        return json.dumps({"keys": [self.public_jwk()]}).encode()

    def token(self, *, headers: dict[str, Any] | None = None, **claims: Any) -> str:  # any JSON value
        """Return a token that is valid unless a replaced claim or header makes it invalid."""
        now = int(time.time())
        valid = {
            "iss": ISSUER,
            "aud": AUDIENCE,
            "sub": str(uuid4()),
            "client_id": "tandem",
            "iat": now,
            "exp": now + 900,
            "jti": str(uuid4()),
            "sid": str(uuid4()),
            "ver": 0,
            "scope": USER_SCOPE,
        }
        payload = {name: value for name, value in (valid | claims).items() if value is not None}
        protected = {"alg": "ES256", "typ": "at+jwt", "kid": self.key_id} | (headers or {})
        return compact_token(json.dumps(protected).encode(), json.dumps(payload).encode(), sign=self.sign)

    def sign(self, message: bytes) -> bytes:
        """Return the signature as ES256 spells it."""
        r, s = decode_dss_signature(self.private_key.sign(message, ec.ECDSA(hashes.SHA256())))
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")

    def authorization(self, user_id: UUID, *, scope: str = USER_SCOPE) -> dict[str, str]:
        """Return the header that a request of that user carries."""
        return {"Authorization": f"Bearer {self.token(sub=str(user_id), scope=scope)}"}

    def service_token(self, client_id: str = "items-service", /, **claims: Any) -> str:  # any JSON value
        """Return a valid token of that machine client; claims can be replaced and left out as above."""
        service_claims = {
            "aud": SERVICE_AUDIENCE,
            "sub": f"client:{client_id}",
            "client_id": client_id,
            "sid": None,
            "ver": None,
            "scope": "events:read",
        }
        return self.token(**(service_claims | claims))


def compact_token(header: bytes, payload: bytes, *, sign: Callable[[bytes], bytes]) -> str:
    """Put a token together of any bytes, signed in whatever way."""
    signed = f"{encode_base64url(header)}.{encode_base64url(payload)}"
    return f"{signed}.{encode_base64url(sign(signed.encode()))}"


class KeysOf:
    """A source that knows one issuer's keys, and remembers which were asked for."""

    def __init__(self, issuer: TokenIssuer) -> None:
        self._keys = parse_key_set(issuer.key_set())
        self.asked_for: list[str] = []

    @property
    def known_keys(self) -> Mapping[str, VerificationKey]:
        """The keys."""
        return self._keys

    async def keys_for(self, key_id: str) -> Mapping[str, VerificationKey]:
        """Return the keys."""
        self.asked_for.append(key_id)
        return self._keys
