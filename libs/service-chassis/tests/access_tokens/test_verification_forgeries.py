"""Tokens as an attacker makes them: other keys, other algorithms, other spellings."""

import hashlib
import hmac
import json
from collections.abc import Callable
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ed25519, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from jwt.algorithms import OKPAlgorithm, RSAAlgorithm

from service_chassis.access_tokens.claims import AccessToken
from service_chassis.access_tokens.keys import parse_key_set
from service_chassis.access_tokens.verification import TokenVerifier, unverified_key_id
from service_chassis.base64url import decode_base64url
from service_chassis.errors import InvalidTokenError
from service_chassis.testing.issuer import AUDIENCE, ISSUER, TokenIssuer, compact_token

Sign = Callable[[bytes], bytes]

HEADER = {"alg": "ES256", "typ": "at+jwt", "kid": "test-key"}


@pytest.fixture(scope="module")
def rsa_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def verify(issuer: TokenIssuer, token: str, *other_keys: dict[str, Any]) -> AccessToken:
    keys = parse_key_set(json.dumps({"keys": [issuer.public_jwk(), *other_keys]}).encode())
    unverified_key_id(token)
    return TokenVerifier(issuer=ISSUER, audience=AUDIENCE).verify(token, keys)


def is_refused(issuer: TokenIssuer, token: str, *other_keys: dict[str, Any]) -> bool:
    try:
        verify(issuer, token, *other_keys)
    except InvalidTokenError:
        return True
    return False


def payload_of(issuer: TokenIssuer) -> bytes:
    return decode_base64url(issuer.token().split(".")[1])


def compact(header: dict[str, Any] | bytes, payload: bytes, *, sign: Sign) -> str:
    return compact_token(header if isinstance(header, bytes) else json.dumps(header).encode(), payload, sign=sign)


def test_a_token_built_by_hand_is_accepted(issuer: TokenIssuer) -> None:
    assert not is_refused(issuer, compact(HEADER, payload_of(issuer), sign=issuer.sign))


def test_an_rs256_token_is_accepted_by_an_rsa_key(issuer: TokenIssuer, rsa_key: rsa.RSAPrivateKey) -> None:
    jwk = RSAAlgorithm.to_jwk(rsa_key.public_key(), as_dict=True) | {"kid": "rsa"}
    header = HEADER | {"alg": "RS256", "kid": "rsa"}

    token = compact(header, payload_of(issuer), sign=lambda m: rsa_key.sign(m, padding.PKCS1v15(), hashes.SHA256()))

    assert not is_refused(issuer, token, jwk)


def test_an_eddsa_token_is_accepted_by_an_ed25519_key(issuer: TokenIssuer) -> None:
    private_key = ed25519.Ed25519PrivateKey.generate()
    jwk = OKPAlgorithm.to_jwk(private_key.public_key(), as_dict=True) | {"kid": "ed"}

    token = compact(HEADER | {"alg": "EdDSA", "kid": "ed"}, payload_of(issuer), sign=private_key.sign)

    assert not is_refused(issuer, token, jwk)


def test_a_key_is_not_used_with_another_algorithm(issuer: TokenIssuer, rsa_key: rsa.RSAPrivateKey) -> None:
    jwk = RSAAlgorithm.to_jwk(rsa_key.public_key(), as_dict=True) | {"kid": "rsa"}
    pss = padding.PSS(mgf=padding.MGF1(hashes.SHA256()), salt_length=32)

    tokens = [
        compact(
            HEADER | {"alg": "PS256", "kid": "rsa"},
            payload_of(issuer),
            sign=lambda m: rsa_key.sign(m, pss, hashes.SHA256()),
        ),
        compact(
            HEADER | {"alg": "RS256", "kid": "rsa"},
            payload_of(issuer),
            sign=lambda m: rsa_key.sign(m, pss, hashes.SHA256()),
        ),
        compact(HEADER | {"alg": "ES256", "kid": "rsa"}, payload_of(issuer), sign=issuer.sign),
        compact(HEADER | {"alg": "RS256"}, payload_of(issuer), sign=issuer.sign),
        compact(HEADER | {"alg": "EdDSA"}, payload_of(issuer), sign=issuer.sign),
    ]

    assert all(is_refused(issuer, token, jwk) for token in tokens)


@pytest.mark.parametrize(
    "algorithm", ["none", "None", "NONE", "HS256", "es256", "ES384", "ES256K", "Ed25519", "", None, 7]
)
def test_no_other_algorithm_is_accepted_whoever_signs(issuer: TokenIssuer, algorithm: str | int | None) -> None:
    header = HEADER | {"alg": algorithm}

    assert is_refused(issuer, compact(header, payload_of(issuer), sign=issuer.sign))
    assert is_refused(issuer, compact(header, payload_of(issuer), sign=lambda _: b""))


@pytest.mark.parametrize("algorithm", ["HS256", "ES256", "RS256"])
def test_a_public_key_is_no_shared_secret(issuer: TokenIssuer, algorithm: str) -> None:
    public_key = issuer.private_key.public_key()
    secrets = [
        public_key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
        public_key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
        public_key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint),
        json.dumps(issuer.public_jwk()).encode(),
        issuer.public_jwk()["x"].encode(),
        b"",
    ]

    for secret in secrets:
        token = compact(
            HEADER | {"alg": algorithm},
            payload_of(issuer),
            sign=lambda message, secret=secret: hmac.digest(secret, message, hashlib.sha256),  # type: ignore[misc]  # bound now
        )

        assert is_refused(issuer, token)


def test_a_token_cannot_bring_its_own_key(issuer: TokenIssuer) -> None:
    attacker = TokenIssuer()
    for parameter in (
        {"jwk": attacker.public_jwk()},
        {"jku": "https://evil.example/jwks.json"},
        {"x5u": "https://evil.example/certificate.pem"},
        {"x5c": ["MIIB"]},
        {"kid": "https://evil.example/jwks.json"},
        {"kid": "../../../../dev/null"},
    ):
        assert is_refused(issuer, compact(HEADER | parameter, payload_of(issuer), sign=attacker.sign))


@pytest.mark.parametrize(
    "parameter",
    [
        {"typ": "JWT"},
        {"typ": "AT+JWT"},
        {"typ": "application/at+jwt"},
        {"typ": None},
        {"kid": ""},
        {"kid": None},
        {"kid": 1},
        {"kid": ["test-key"]},
        {"kid": "a" * 1025},
        {"kid": "unknown"},
        {"crit": ["exp"], "exp": 1},
        {"crit": []},
        {"b64": False},
        {"zip": "DEF"},
        {"cty": "JWT"},
        {"jku": "http://localhost:8080/.well-known/jwks.json"},
    ],
    ids=str,
)
def test_a_header_has_exactly_the_known_parameters(issuer: TokenIssuer, parameter: dict[str, Any]) -> None:
    assert is_refused(issuer, compact(HEADER | parameter, payload_of(issuer), sign=issuer.sign))


@pytest.mark.parametrize("missing", ["alg", "typ", "kid"])
def test_no_header_parameter_may_be_missing(issuer: TokenIssuer, missing: str) -> None:
    header = {name: value for name, value in HEADER.items() if name != missing}

    assert is_refused(issuer, compact(header, payload_of(issuer), sign=issuer.sign))


def test_of_two_claims_of_one_name_the_last_counts(issuer: TokenIssuer) -> None:
    payload = payload_of(issuer).decode()
    once_more = payload[1:].replace(AUDIENCE, "another")

    last_is_right = compact(HEADER, f"{{{once_more[:-1]}, {payload[1:]}".encode(), sign=issuer.sign)
    last_is_wrong = compact(HEADER, f"{payload[:-1]}, {once_more}".encode(), sign=issuer.sign)

    assert [is_refused(issuer, token) for token in (last_is_right, last_is_wrong)] == [False, True]


@pytest.mark.parametrize(
    "header",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"null", id="null"),
        pytest.param(b"[]", id="list"),
        pytest.param(b"\xef\xbb\xbf" + json.dumps(HEADER).encode(), id="byte order mark"),
        pytest.param(json.dumps(HEADER).encode("utf-16"), id="UTF-16"),
        pytest.param(json.dumps(HEADER).encode()[:-1], id="cut off"),
        pytest.param(json.dumps(HEADER).encode() + b"{}", id="two objects"),
        pytest.param(json.dumps(HEADER | {"kid": "test-key\xff"}, ensure_ascii=False).encode("latin-1"), id="latin-1"),
        pytest.param(json.dumps(HEADER | {"kid": "test-key\0"}).encode(), id="NUL"),
        pytest.param(json.dumps(HEADER | {"kid": "\ud800"}).encode(), id="lone surrogate"),
        pytest.param(b'{"alg":' + b"[" * 2_500 + b"]" * 2_500 + b"}", id="deep"),
    ],
)
def test_a_header_that_is_no_plain_json_object_is_refused(issuer: TokenIssuer, header: bytes) -> None:
    assert is_refused(issuer, compact(header, payload_of(issuer), sign=issuer.sign))


@pytest.mark.parametrize(
    "edit",
    [
        pytest.param(lambda _: b"", id="empty"),
        pytest.param(lambda _: b"null", id="null"),
        pytest.param(lambda p: b"[" + p + b"]", id="list"),
        pytest.param(lambda p: b"\xef\xbb\xbf" + p, id="byte order mark"),
        pytest.param(lambda p: p.decode().encode("utf-16"), id="UTF-16"),
        pytest.param(lambda p: p + b"\0", id="NUL"),
        pytest.param(lambda p: p.replace(b"items:read", b"\xff"), id="no UTF-8"),
        pytest.param(lambda p: p.replace(b'"ver": 0', b'"ver": NaN'), id="NaN"),
        pytest.param(lambda p: p[:-1] + b', "more": ' + b"[" * 2_000 + b"]" * 2_000 + b"}", id="deep"),
    ],
)
def test_a_payload_that_is_no_plain_json_object_is_refused(issuer: TokenIssuer, edit: Callable[[bytes], bytes]) -> None:
    assert is_refused(issuer, compact(HEADER, edit(payload_of(issuer)), sign=issuer.sign))
