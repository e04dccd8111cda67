"""Judges a token as a pure function of the token, the keys and the time."""

import re
import time
from collections.abc import Mapping
from functools import lru_cache
from typing import Generic, TypeVar

from pydantic import ValidationError

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

_COMPACT_FORM = re.compile(r"([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)")


class _Verifier(Generic[ClaimsType]):
    def __init__(self, claims_type: type[ClaimsType], *, issuer: str, audience: str) -> None:
        self._issuer = issuer
        self._audience = audience

        # The whole text and the key itself are what is remembered: another spelling is judged anew, and a key that is
        # no longer published is never asked for.
        @lru_cache(REMEMBERED_TOKENS)
        def signed_claims(token: str, key: VerificationKey) -> ClaimsType:
            return _parse_claims(_signed_payload(token, key), claims_type)

        self._signed_claims = signed_claims

    def _verified_claims(self, token: str, keys: Mapping[str, VerificationKey], *, now: float | None) -> ClaimsType:
        key = keys.get(unverified_key_id(token))
        if key is None:
            raise InvalidTokenError
        claims = self._signed_claims(token, key)
        self._check(claims, time.time() if now is None else now)
        return claims

    def _check(self, claims: CommonClaims, now: float) -> None:
        lifetime_seconds = claims.exp - claims.iat
        valid = (
            claims.iss == self._issuer
            and claims.aud == self._audience
            and claims.iat <= now + CLOCK_SKEW_SECONDS
            and now < claims.exp
            and 0 < lifetime_seconds <= MAXIMUM_ACCESS_TOKEN_LIFETIME.total_seconds()
        )
        if not valid:
            raise InvalidTokenError


class TokenVerifier(_Verifier[TokenClaims]):
    """Accepts the access tokens that one issuer gives to users, for one audience."""

    def __init__(self, *, issuer: str, audience: str) -> None:
        super().__init__(TokenClaims, issuer=issuer, audience=audience)

    def verify(self, token: str, keys: Mapping[str, VerificationKey], *, now: float | None = None) -> AccessToken:
        """Return what a valid token says; `now` is in seconds since the epoch, the present by default.

        Raises:
            InvalidTokenError: for every token that is not exactly what auth-service issues to users.
        """
        return self._verified_claims(token, keys, now=now).to_access_token()


class ServiceTokenVerifier(_Verifier[ServiceTokenClaims]):
    """Accepts the access tokens that one issuer gives to machine clients, for an audience that no user's token has."""

    def __init__(self, *, issuer: str, audience: str) -> None:
        super().__init__(ServiceTokenClaims, issuer=issuer, audience=audience)

    def verify(self, token: str, keys: Mapping[str, VerificationKey], *, now: float | None = None) -> ServiceToken:
        """Return what a valid token says; `now` is in seconds since the epoch, the present by default.

        Raises:
            InvalidTokenError: for every token that is not exactly what auth-service issues to machine clients.
        """
        return self._verified_claims(token, keys, now=now).to_service_token()


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
