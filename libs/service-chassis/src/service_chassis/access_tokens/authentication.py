"""From the Authorization header of a request to a verified access token."""

from collections.abc import Mapping
from typing import Protocol

from fastapi.security import OAuth2PasswordBearer
from starlette.requests import HTTPConnection

from service_chassis.access_tokens.claims import AccessToken
from service_chassis.access_tokens.keys import VerificationKey
from service_chassis.access_tokens.verification import TokenVerifier, unverified_key_id
from service_chassis.errors import InvalidTokenError, MissingTokenError

LOGIN_SCHEME = "login"
SCOPES = {
    "items:read": "Read one's own items.",
    "items:write": "Create, change and delete one's own items.",
    "users:me": "See and change one's own account.",
    "admin": "Act on everybody's users and items.",
}
"""What a token may allow; the same words in every service's OpenAPI document."""


class KeySource(Protocol):
    """Where verification keys come from: another service's key set, or the own database."""

    async def keys_for(self, key_id: str) -> Mapping[str, VerificationKey]:
        """Return the keys known now; a source may look for an unknown id first."""


class TokenAuthenticator:
    """Verifies the access tokens of one issuer with the keys of one source."""

    def __init__(self, *, verifier: TokenVerifier, keys: KeySource) -> None:
        self._verifier = verifier
        self._keys = keys

    async def authenticate(self, token: str) -> AccessToken:
        """Return what a valid token says.

        Raises:
            InvalidTokenError: the token is not exactly what the issuer issues.
            VerificationKeysUnavailableError: there is no key to judge it with.
        """
        return self._verifier.verify(token, await self._keys.keys_for(unverified_key_id(token)))


class BearerToken(OAuth2PasswordBearer):
    """Finds the one bearer token of a request, and tells Swagger UI where to log in for one."""

    def __init__(self) -> None:
        super().__init__(tokenUrl="/auth/login", scopes=SCOPES, scheme_name=LOGIN_SCHEME)

    async def __call__(self, request: HTTPConnection) -> str:
        """Return the token as it was sent.

        Raises:
            MissingTokenError: there is none.
            InvalidTokenError: there are two, or it is not a bearer token.
        """
        headers = request.headers.getlist("Authorization")
        if not headers:
            raise MissingTokenError
        scheme, _, token = headers[0].partition(" ")
        if len(headers) > 1 or scheme.lower() != "bearer" or not token:
            raise InvalidTokenError
        return token
