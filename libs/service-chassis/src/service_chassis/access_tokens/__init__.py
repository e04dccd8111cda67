"""Verifies access tokens: a strict profile of RFC 9068, judged from token, keys and time alone."""

from service_chassis.access_tokens.authentication import BearerToken, KeySource, TokenAuthenticator
from service_chassis.access_tokens.claims import MAXIMUM_ACCESS_TOKEN_LIFETIME, AccessToken
from service_chassis.access_tokens.keys import VerificationKey, parse_key_set
from service_chassis.access_tokens.remote_keys import RemoteKeys
from service_chassis.access_tokens.verification import TokenVerifier

__all__ = [
    "MAXIMUM_ACCESS_TOKEN_LIFETIME",
    "AccessToken",
    "BearerToken",
    "KeySource",
    "RemoteKeys",
    "TokenAuthenticator",
    "TokenVerifier",
    "VerificationKey",
    "parse_key_set",
]
