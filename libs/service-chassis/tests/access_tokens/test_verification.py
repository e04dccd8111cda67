"""What a token has to say, and in which form, once its signature is right; forgeries are a file of their own."""

import time
from typing import Any
from uuid import UUID

import pytest

from service_chassis.access_tokens.claims import AccessToken
from service_chassis.access_tokens.keys import parse_key_set
from service_chassis.access_tokens.verification import TokenVerifier
from service_chassis.errors import InvalidTokenError
from service_chassis.testing.issuer import AUDIENCE, ISSUER, TokenIssuer

SUBJECT = "0198c0de-0000-7000-8000-00000000000a"
NOW = 1_800_000_000
DAY = 24 * 60 * 60


def verify(issuer: TokenIssuer, token: str, *, now: float = NOW) -> AccessToken:
    verifier = TokenVerifier(issuer=ISSUER, audience=AUDIENCE)
    return verifier.verify(token, parse_key_set(issuer.key_set()), now=now)


def token_of(issuer: TokenIssuer, **claims: Any) -> str:  # any JSON value
    return issuer.token(**{"sub": SUBJECT, "iat": NOW, "exp": NOW + 900, **claims})


def test_a_valid_token_says_who_may_do_what_until_when(issuer: TokenIssuer) -> None:
    session_id, token_id = UUID(int=1), UUID(int=2)
    token = token_of(issuer, sid=str(session_id), jti=str(token_id), ver=3, scope="items:read users:me")

    access_token = verify(issuer, token)

    assert access_token == AccessToken(
        subject=UUID(SUBJECT),
        session_id=session_id,
        token_id=token_id,
        scopes=frozenset({"items:read", "users:me"}),
        expires_at=NOW + 900,
        rights_version=3,
    )


def test_the_present_counts_unless_told_otherwise(issuer: TokenIssuer) -> None:
    verifier, keys = TokenVerifier(issuer=ISSUER, audience=AUDIENCE), parse_key_set(issuer.key_set())
    now = int(time.time())

    verifier.verify(issuer.token(), keys)
    with pytest.raises(InvalidTokenError):
        verifier.verify(issuer.token(iat=now - 60, exp=now - 1), keys)


@pytest.mark.parametrize(
    ("scope", "is_superuser"), [("admin", True), ("users:me admin", True), ("administrator", False)]
)
def test_a_superuser_is_who_has_the_scope(issuer: TokenIssuer, scope: str, is_superuser: bool) -> None:  # a case
    assert verify(issuer, token_of(issuer, scope=scope)).is_superuser is is_superuser


def test_claims_that_nobody_asked_for_do_no_harm(issuer: TokenIssuer) -> None:
    token = token_of(issuer, nbf=NOW + 900, admin=True, roles=["admin"])

    assert not verify(issuer, token).is_superuser


@pytest.mark.parametrize("claim", ["iss", "aud", "sub", "client_id", "iat", "exp", "jti", "sid", "ver", "scope"])
def test_no_claim_may_be_missing(issuer: TokenIssuer, claim: str) -> None:
    token = token_of(issuer, **{claim: None})

    with pytest.raises(InvalidTokenError):
        verify(issuer, token)


@pytest.mark.parametrize(
    "claims",
    [
        pytest.param({"iss": "http://localhost:8080/"}, id="issuer with a slash more"),
        pytest.param({"iss": "https://evil.example"}, id="another issuer"),
        pytest.param({"iss": [ISSUER]}, id="issuer in a list"),
        pytest.param({"aud": "another"}, id="another audience"),
        pytest.param({"aud": ""}, id="empty audience"),
        pytest.param({"aud": [AUDIENCE]}, id="audience in a list"),
        pytest.param({"aud": [AUDIENCE, "another"]}, id="two audiences"),
        pytest.param({"aud": {"tandem": True}}, id="audience in an object"),
        pytest.param({"client_id": ""}, id="empty client"),
        pytest.param({"client_id": "a" * 1025}, id="long client"),
        pytest.param({"scope": ["admin"]}, id="scope in a list"),
        pytest.param({"ver": -1}, id="negative version of rights"),
        pytest.param({"ver": "1"}, id="version of rights in a string"),
        pytest.param({"ver": True}, id="version of rights that is true"),
    ],
)
def test_a_claim_of_another_value_or_type_is_refused(issuer: TokenIssuer, claims: dict[str, Any]) -> None:
    token = token_of(issuer, **claims)

    with pytest.raises(InvalidTokenError):
        verify(issuer, token)


@pytest.mark.parametrize("claim", ["sub", "jti", "sid"])
@pytest.mark.parametrize(
    "spelling",
    [
        pytest.param("", id="empty"),
        pytest.param("items-service", id="a client's name"),
        pytest.param(f"{{{SUBJECT}}}", id="in braces"),
        pytest.param(f"urn:uuid:{SUBJECT}", id="as a URN"),
        pytest.param(SUBJECT.upper(), id="in capitals"),
        pytest.param(SUBJECT.replace("-", ""), id="without hyphens"),
        pytest.param(f" {SUBJECT}", id="after a space"),
        pytest.param(f"{SUBJECT}\n", id="before a line break"),
        pytest.param(f"{SUBJECT}\0", id="before a NUL"),
        pytest.param(SUBJECT.replace("0198", "٠١٩٨"), id="in other digits"),
        pytest.param([SUBJECT], id="in a list"),
        pytest.param(7, id="a number"),
        pytest.param(True, id="true"),
    ],
)
def test_an_id_has_one_spelling(issuer: TokenIssuer, claim: str, spelling: Any) -> None:  # noqa: ANN401  # any JSON value
    token = token_of(issuer, **{claim: spelling})

    with pytest.raises(InvalidTokenError):
        verify(issuer, token)


@pytest.mark.parametrize("claim", ["iat", "exp"])
@pytest.mark.parametrize(
    "value",
    [
        pytest.param(str(NOW), id="string"),
        pytest.param(NOW + 0.5, id="fraction"),
        pytest.param(float(NOW), id="whole number with a point"),
        pytest.param(-1, id="negative"),
        pytest.param(2**40 + 1, id="beyond every calendar"),
        pytest.param(10**30, id="huge"),
        pytest.param(True, id="true"),
        pytest.param([NOW], id="list"),
    ],
)
def test_a_time_is_a_whole_number_of_seconds(issuer: TokenIssuer, claim: str, value: Any) -> None:  # noqa: ANN401  # any JSON value
    token = token_of(issuer, **{claim: value})

    with pytest.raises(InvalidTokenError):
        verify(issuer, token)


@pytest.mark.parametrize(
    "times",
    [
        pytest.param({"iat": NOW - 900, "exp": NOW}, id="expires now"),
        pytest.param({"iat": NOW - 900, "exp": NOW - 1}, id="has expired"),
        pytest.param({"iat": NOW + 6, "exp": NOW + 900}, id="issued in the future"),
        pytest.param({"iat": NOW + 3, "exp": NOW + 2}, id="expires before it was issued"),
        pytest.param({"iat": NOW + 3, "exp": NOW + 3}, id="lives no second"),
        pytest.param({"iat": NOW, "exp": NOW + DAY + 1}, id="lives longer than a day"),
        pytest.param({"iat": 0, "exp": NOW + 900}, id="lives for decades"),
    ],
)
def test_a_token_outside_of_its_time_is_refused(issuer: TokenIssuer, times: dict[str, int]) -> None:
    token = token_of(issuer, **times)

    with pytest.raises(InvalidTokenError):
        verify(issuer, token)


@pytest.mark.parametrize(
    "times",
    [
        pytest.param({"iat": NOW - 899, "exp": NOW + 1}, id="in its last second"),
        pytest.param({"iat": NOW + 5, "exp": NOW + 900}, id="issued by a clock five seconds ahead"),
        pytest.param({"iat": NOW, "exp": NOW + DAY}, id="lives a day"),
    ],
)
def test_a_token_within_its_time_is_accepted(issuer: TokenIssuer, times: dict[str, int]) -> None:
    assert verify(issuer, token_of(issuer, **times)).subject == UUID(SUBJECT)


def test_a_token_expires_between_two_seconds_too(issuer: TokenIssuer) -> None:
    token = token_of(issuer, exp=NOW + 1)

    verify(issuer, token, now=NOW + 0.9)
    with pytest.raises(InvalidTokenError):
        verify(issuer, token, now=NOW + 1.0)
