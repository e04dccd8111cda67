"""Judges a token as a pure function of the token, the keys and the time."""

import re
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Generic, NamedTuple, TypeVar

from pydantic import ValidationError
from typing_extensions import override

from service_chassis.access_tokens.claims import (
    MAXIMUM_ACCESS_TOKEN_LIFETIME,
    AccessToken,
    CommonClaims,
    ServiceToken,
    ServiceTokenClaims,
    TokenClaims,
    TokenHeader,
)
from service_chassis.access_tokens.keys import VerificationKey
from service_chassis.base64url import decode_base64url
from service_chassis.errors import InvalidTokenError

MAXIMUM_TOKEN_CHARACTERS = 8 * 1024
CLOCK_SKEW_SECONDS = 5
# Of so many tokens the signature is computed once, which is most of what a token costs; only valid ones get in here.
REMEMBERED_TOKENS = 5_000

ClaimsType = TypeVar("ClaimsType", bound=CommonClaims)
TokenType = TypeVar("TokenType")

_COMPACT_FORM = re.compile(r"([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)")


class _Remembered(NamedTuple, Generic[ClaimsType, TokenType]):
    """What was verified, and with which key."""

    claims: ClaimsType
    verified: TokenType
    key: VerificationKey


class _Verifier(ABC, Generic[ClaimsType, TokenType]):
    def __init__(self, claims_type: type[ClaimsType], *, issuer: str, audience: str) -> None:
        self._claims_type = claims_type
        self._issuer = issuer
        self._audience = audience
        self._remembered: dict[str, _Remembered[ClaimsType, TokenType]] = {}

    def recall(self, token: str, keys: Mapping[str, VerificationKey], *, now: float | None = None) -> TokenType | None:
        """Return what a token says whose signature was right before, with a key that is still the same.

        The whole text is what is remembered, so that another spelling is judged anew.

        Raises:
            InvalidTokenError: it has expired since.
        """
        remembered = self._remembered.get(token)
        if remembered is None or keys.get(remembered.key.key_id) is not remembered.key:
            return None
        # Who issued it, for whom and for how long was judged with its signature, and stays as it is.
        if not _is_current(remembered.claims, time.time() if now is None else now):
            raise InvalidTokenError
        return remembered.verified

    def verify(self, token: str, keys: Mapping[str, VerificationKey], *, now: float | None = None) -> TokenType:
        """Return what a valid token says; `now` is in seconds since the epoch, the present by default.

        Raises:
            InvalidTokenError: for every token that is not exactly what auth-service issues to this kind of caller.
        """
        recalled = self.recall(token, keys, now=now)
        if recalled is not None:
            return recalled
        key = keys.get(unverified_key_id(token))
        if key is None:
            raise InvalidTokenError
        claims = _parse_claims(_signed_payload(token, key), self._claims_type)
        self._check(claims, time.time() if now is None else now)
        verified = self._verified(claims)
        self._remember(token, _Remembered(claims, verified, key))
        return verified

    @abstractmethod
    def _verified(self, claims: ClaimsType) -> TokenType:
        """Return the claims in the types that the services work with."""

    def _remember(self, token: str, remembered: _Remembered[ClaimsType, TokenType]) -> None:
        if len(self._remembered) >= REMEMBERED_TOKENS:
            del self._remembered[next(iter(self._remembered))]
        self._remembered[token] = remembered

    def _check(self, claims: CommonClaims, now: float) -> None:
        lifetime_seconds = claims.exp - claims.iat
        valid = (
            claims.iss == self._issuer
            and claims.aud == self._audience
            and _is_current(claims, now)
            and 0 < lifetime_seconds <= MAXIMUM_ACCESS_TOKEN_LIFETIME.total_seconds()
        )
        if not valid:
            raise InvalidTokenError


class TokenVerifier(_Verifier[TokenClaims, AccessToken]):
    """Accepts the access tokens that one issuer gives to users, for one audience."""

    def __init__(self, *, issuer: str, audience: str) -> None:
        super().__init__(TokenClaims, issuer=issuer, audience=audience)

    @override
    def _verified(self, claims: TokenClaims) -> AccessToken:
        return claims.to_access_token()


class ServiceTokenVerifier(_Verifier[ServiceTokenClaims, ServiceToken]):
    """Accepts the access tokens that one issuer gives to machine clients, for an audience that no user's token has."""

    def __init__(self, *, issuer: str, audience: str) -> None:
        super().__init__(ServiceTokenClaims, issuer=issuer, audience=audience)

    @override
    def _verified(self, claims: ServiceTokenClaims) -> ServiceToken:
        return claims.to_service_token()


def _is_current(claims: CommonClaims, now: float) -> bool:
    return claims.iat - CLOCK_SKEW_SECONDS <= now < claims.exp


def unverified_key_id(token: str) -> str:
    """Return which key a token claims to be signed with, so that it can be looked up.

    Raises:
        InvalidTokenError: the token is malformed.
    """
    return _parse_header(_decode_parts(token)[0]).kid


def _signed_payload(token: str, key: VerificationKey) -> bytes:
    header, payload, signature = _decode_parts(token)
    if _parse_header(header).alg != key.algorithm:
        raise InvalidTokenError
    if not key.verifies(signature, token.rpartition(".")[0].encode()):
        raise InvalidTokenError
    return payload


def _decode_parts(token: str) -> tuple[bytes, bytes, bytes]:
    parts = _COMPACT_FORM.fullmatch(token) if len(token) <= MAXIMUM_TOKEN_CHARACTERS else None
    if parts is None:
        raise InvalidTokenError
    try:
        return decode_base64url(parts[1]), decode_base64url(parts[2]), decode_base64url(parts[3])
    except ValueError:
        raise InvalidTokenError from None


def _parse_header(header: bytes) -> TokenHeader:
    try:
        return TokenHeader.model_validate_json(header)
    except ValidationError:
        raise InvalidTokenError from None


def _parse_claims(payload: bytes, claims_type: type[ClaimsType]) -> ClaimsType:
    try:
        return claims_type.model_validate_json(payload)
    except ValidationError:
        raise InvalidTokenError from None
