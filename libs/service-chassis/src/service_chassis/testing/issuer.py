"""An issuer of access tokens for tests: what auth-service does, without auth-service."""

import json
import time
from typing import Any
from uuid import UUID, uuid4

import jwt
from cryptography.hazmat.primitives.asymmetric import ec
from jwt.algorithms import ECAlgorithm

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
        protected = {"typ": "at+jwt", "kid": self.key_id} | (headers or {})
        signing_input = jwt.api_jws.PyJWS()
        return signing_input.encode(json.dumps(payload).encode(), self.private_key, "ES256", protected)

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
