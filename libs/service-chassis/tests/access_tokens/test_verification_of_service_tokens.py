"""What a machine client's token has to say; what it shares with users' tokens is judged by the same code."""

from typing import Any
from uuid import UUID

import pytest

from service_chassis.access_tokens.claims import ServiceToken
from service_chassis.access_tokens.keys import parse_key_set
from service_chassis.access_tokens.verification import ServiceTokenVerifier, TokenVerifier
from service_chassis.errors import InvalidTokenError
from service_chassis.testing.issuer import AUDIENCE, ISSUER, SERVICE_AUDIENCE, TokenIssuer

NOW = 1_800_000_000
USER_ID = "0198c0de-0000-7000-8000-00000000000a"


def verify(issuer: TokenIssuer, token: str) -> ServiceToken:
    verifier = ServiceTokenVerifier(issuer=ISSUER, audience=SERVICE_AUDIENCE)
    return verifier.verify(token, parse_key_set(issuer.key_set()), now=NOW)


def token_of(issuer: TokenIssuer, **claims: Any) -> str:  # any JSON value
    return issuer.service_token(**{"iat": NOW, "exp": NOW + 900, **claims})


def test_a_valid_token_says_which_client_may_do_what_until_when(issuer: TokenIssuer) -> None:
    token = token_of(issuer, jti=str(UUID(int=2)), scope="events:read more")

    assert verify(issuer, token) == ServiceToken(
        client_id="items-service",
        token_id=UUID(int=2),
        scopes=frozenset({"events:read", "more"}),
        expires_at=NOW + 900,
    )


@pytest.mark.parametrize("claim", ["iss", "aud", "sub", "client_id", "iat", "exp", "jti", "scope"])
def test_no_claim_may_be_missing(issuer: TokenIssuer, claim: str) -> None:
    token = token_of(issuer, **{claim: None})

    with pytest.raises(InvalidTokenError):
        verify(issuer, token)


@pytest.mark.parametrize(
    "claims",
    [
        pytest.param({"iss": "https://evil.example"}, id="another issuer"),
        pytest.param({"aud": AUDIENCE}, id="the users' audience"),
        pytest.param({"aud": [SERVICE_AUDIENCE]}, id="audience in a list"),
        pytest.param({"sub": USER_ID}, id="a user's id"),
        pytest.param({"sub": "items-service"}, id="a subject without the prefix"),
        pytest.param({"sub": "client:another"}, id="another client's subject"),
        pytest.param({"client_id": "another"}, id="another client"),
        pytest.param({"client_id": "", "sub": "client:"}, id="no client at all"),
        pytest.param({"jti": "7"}, id="an id that is no UUID"),
        pytest.param({"scope": ["events:read"]}, id="scope in a list"),
        pytest.param({"exp": NOW}, id="expires now"),
        pytest.param({"iat": NOW + 6}, id="issued in the future"),
        pytest.param({"exp": NOW + 24 * 60 * 60 + 1}, id="lives longer than a day"),
    ],
)
def test_anything_else_is_refused(issuer: TokenIssuer, claims: dict[str, Any]) -> None:
    token = token_of(issuer, **claims)

    with pytest.raises(InvalidTokenError):
        verify(issuer, token)


@pytest.mark.parametrize("headers", [{"typ": "JWT"}, {"kid": "another"}, {"jku": ISSUER}])
def test_the_header_is_judged_as_that_of_a_users_token(issuer: TokenIssuer, headers: dict[str, Any]) -> None:
    token = token_of(issuer, headers=headers)

    with pytest.raises(InvalidTokenError):
        verify(issuer, token)


def test_another_issuers_signature_is_refused(issuer: TokenIssuer) -> None:
    token = token_of(TokenIssuer(issuer.key_id))

    with pytest.raises(InvalidTokenError):
        verify(issuer, token)


def test_a_users_token_is_no_clients_token(issuer: TokenIssuer) -> None:
    token = issuer.token(iat=NOW, exp=NOW + 900)

    with pytest.raises(InvalidTokenError):
        verify(issuer, token)


@pytest.mark.parametrize("audience", [AUDIENCE, SERVICE_AUDIENCE])
def test_a_clients_token_is_no_users_token_even_for_the_same_audience(issuer: TokenIssuer, audience: str) -> None:
    token = token_of(issuer, aud=audience, sid=USER_ID, ver=0)

    with pytest.raises(InvalidTokenError):
        TokenVerifier(issuer=ISSUER, audience=audience).verify(token, parse_key_set(issuer.key_set()), now=NOW)
