"""Judges a token as a pure function of the token, the keys and the time."""

import re
import time
from collections.abc import Mapping
from functools import lru_cache

from pydantic import ValidationError

from service_chassis.access_tokens.claims import MAXIMUM_ACCESS_TOKEN_LIFETIME, AccessToken, TokenClaims, TokenHeader
from service_chassis.access_tokens.keys import VerificationKey
from service_chassis.base64url import decode_base64url
from service_chassis.errors import InvalidTokenError

MAXIMUM_TOKEN_CHARACTERS = 8 * 1024
CLOCK_SKEW_SECONDS = 5
# Of so many tokens the signature is computed once, which is most of what a token costs; only valid ones get in here.
REMEMBERED_TOKENS = 5_000

_COMPACT_FORM = re.compile(r"([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)")


class TokenVerifier:
    """Accepts the access tokens of one issuer for one audience."""

    def __init__(self, *, issuer: str, audience: str) -> None:
        self._issuer = issuer
        self._audience = audience
        # The whole text and the key itself are what is remembered: another spelling is judged anew, and a key that is
        # no longer published is never asked for.
        self._signed_claims = lru_cache(REMEMBERED_TOKENS)(_signed_claims)

    def verify(self, token: str, keys: Mapping[str, VerificationKey], *, now: float | None = None) -> AccessToken:
        """Return what a valid token says; `now` is in seconds since the epoch, the present by default.

        Raises:
            InvalidTokenError: for every token that is not exactly what auth-service issues.
        """
        key = keys.get(unverified_key_id(token))
        if key is None:
            raise InvalidTokenError
        claims = self._signed_claims(token, key)
        self._check(claims, time.time() if now is None else now)
        return claims.to_access_token()

    def _check(self, claims: TokenClaims, now: float) -> None:
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


def unverified_key_id(token: str) -> str:
    """Return which key a token claims to be signed with, so that it can be looked up.

    Raises:
        InvalidTokenError: the token is malformed.
    """
    return _parse_header(_decode_parts(token)[0]).kid


def _signed_claims(token: str, key: VerificationKey) -> TokenClaims:
    header, payload, signature = _decode_parts(token)
    if _parse_header(header).alg != key.algorithm:
        raise InvalidTokenError
    if not key.verifies(signature, token.rpartition(".")[0].encode()):
        raise InvalidTokenError
    return _parse_claims(payload)


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


def _parse_claims(payload: bytes) -> TokenClaims:
    try:
        return TokenClaims.model_validate_json(payload)
    except ValidationError:
        raise InvalidTokenError from None
