"""From the Authorization header of a request to a verified access token."""

from collections.abc import Mapping
from typing import Generic, Protocol, TypeVar

from fastapi.openapi.models import OAuthFlowClientCredentials, OAuthFlows
from fastapi.security import OAuth2, OAuth2PasswordBearer
from starlette.requests import HTTPConnection

from service_chassis.access_tokens.keys import VerificationKey
from service_chassis.access_tokens.scopes import SERVICE_SCOPES, USER_SCOPES
from service_chassis.access_tokens.verification import unverified_key_id
from service_chassis.errors import InvalidTokenError, MissingTokenError

LOGIN_SCHEME = "login"
CLIENT_SCHEME = "client"

TokenType = TypeVar("TokenType")
TokenType_co = TypeVar("TokenType_co", covariant=True)
TokenType_contra = TypeVar("TokenType_contra", contravariant=True)


class KeySource(Protocol):
    """Where verification keys come from: another service's key set, or the own database."""

    @property
    def known_keys(self) -> Mapping[str, VerificationKey]:
        """The keys known now, by id; empty before the first are there."""

    async def keys_for(self, key_id: str) -> Mapping[str, VerificationKey]:
        """Return the keys known now; a source may look for an unknown id first."""


class Verifier(Protocol[TokenType_co]):
    """What judges one kind of token."""

    def recall(self, token: str, keys: Mapping[str, VerificationKey]) -> TokenType_co | None:
        """Return what a token says that was verified before and is still valid; None when that has to be found out."""

    def verify(self, token: str, keys: Mapping[str, VerificationKey]) -> TokenType_co:
        """Return what a valid token says."""


class Denylist(Protocol[TokenType_contra]):
    """What knows which tokens are not good any more although they have not expired."""

    def denies(self, token: TokenType_contra) -> bool:
        """Say whether a token is denied; asked for every request, so it answers from memory."""


class TokenAuthenticator(Generic[TokenType]):
    """Verifies one kind of one issuer's access tokens with the keys of one source."""

    def __init__(
        self, *, verifier: Verifier[TokenType], keys: KeySource, denylist: Denylist[TokenType] | None = None
    ) -> None:
        self._verifier = verifier
        self._keys = keys
        self._denylist = denylist

    def recall(self, token: str) -> TokenType | None:
        """Return at once what a token says that was good before and still is; None says nothing about a token.

        Raises:
            InvalidTokenError: it has expired since, or is denied.
        """
        recalled = self._verifier.recall(token, self._keys.known_keys)
        if recalled is not None:
            self._refuse_denied(recalled)
        return recalled

    async def authenticate(self, token: str) -> TokenType:
        """Return what a valid token says.

        Raises:
            InvalidTokenError: the token is not exactly what the issuer issues, or it is denied.
            VerificationKeysUnavailableError: there is no key to judge it with.
        """
        verified = self._verifier.verify(token, await self._keys.keys_for(unverified_key_id(token)))
        self._refuse_denied(verified)
        return verified

    def _refuse_denied(self, token: TokenType) -> None:
        if self._denylist is not None and self._denylist.denies(token):
            raise InvalidTokenError


class BearerToken(OAuth2PasswordBearer):
    """Finds the one bearer token of a request, and tells Swagger UI where to log in for one."""

    def __init__(self) -> None:
        super().__init__(tokenUrl="/auth/login", scopes=USER_SCOPES, scheme_name=LOGIN_SCHEME)

    async def __call__(self, request: HTTPConnection) -> str:
        """Return the token as it was sent.

        Raises:
            MissingTokenError: there is none.
            InvalidTokenError: there are two, or it is not a bearer token.
        """
        return _bearer_token(request)


class ServiceBearerToken(OAuth2):
    """Finds the one bearer token of a machine client's request, and tells where such a client gets one."""

    def __init__(self) -> None:
        flow = OAuthFlowClientCredentials(tokenUrl="/auth/token", scopes=SERVICE_SCOPES)
        super().__init__(flows=OAuthFlows(clientCredentials=flow), scheme_name=CLIENT_SCHEME)

    async def __call__(self, request: HTTPConnection) -> str:
        """Return the token as it was sent.

        Raises:
            MissingTokenError: there is none.
            InvalidTokenError: there are two, or it is not a bearer token.
        """
        return _bearer_token(request)


def _bearer_token(request: HTTPConnection) -> str:
    headers = request.headers.getlist("Authorization")
    if not headers:
        raise MissingTokenError
    scheme, _, token = headers[0].partition(" ")
    if len(headers) > 1 or scheme.lower() != "bearer" or not token:
        raise InvalidTokenError
    return token
