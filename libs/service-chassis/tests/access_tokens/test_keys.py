import json
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

from service_chassis.access_tokens.keys import MAXIMUM_KEY_SET_BYTES, MAXIMUM_KEYS, VerificationKey, parse_key_set

Jwk = dict[str, Any]

# RFC 7517, appendix A.1.
RFC_7517_EC_KEY = {
    "kty": "EC",
    "crv": "P-256",
    "x": "MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4",
    "y": "4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM",
    "use": "enc",
    "kid": "1",
}
RFC_7517_RSA_KEY = {
    "kty": "RSA",
    "n": (
        "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3ok"
        "njhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu"
        "6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8a"
        "wapJzKnqDKgw"
    ),
    "e": "AQAB",
    "alg": "RS256",
    "kid": "2011-04-29",
}


def ec_jwk(curve: ec.EllipticCurve | None = None, **changes: Any) -> Jwk:  # any JSON value
    public_key = ec.generate_private_key(curve or ec.SECP256R1()).public_key()
    return ECAlgorithm.to_jwk(public_key, as_dict=True) | {"kid": "key"} | changes


def ed25519_jwk(**changes: Any) -> Jwk:  # any JSON value
    public_key = ed25519.Ed25519PrivateKey.generate().public_key()
    return OKPAlgorithm.to_jwk(public_key, as_dict=True) | {"kid": "key"} | changes


def rsa_jwk(bits: int) -> Jwk:
    public_key = rsa.generate_private_key(public_exponent=65537, key_size=bits).public_key()
    return RSAAlgorithm.to_jwk(public_key, as_dict=True) | {"kid": "key"}


def parse(*keys: object) -> dict[str, VerificationKey]:
    return parse_key_set(json.dumps({"keys": keys}).encode())


def is_usable(key: object) -> bool:
    usable = parse(key, ec_jwk(kid="another"))
    return len(usable) == 2


def test_each_kind_of_key_has_one_algorithm() -> None:
    keys = parse(ec_jwk(kid="ec"), ed25519_jwk(kid="ed"), RFC_7517_RSA_KEY)

    assert {key_id: key.algorithm for key_id, key in keys.items()} == {
        "ec": "ES256",
        "ed": "EdDSA",
        "2011-04-29": "RS256",
    }


def test_of_the_keys_of_the_standard_those_for_signatures_are_kept() -> None:
    assert set(parse(RFC_7517_EC_KEY, RFC_7517_RSA_KEY)) == {"2011-04-29"}
    assert set(parse(RFC_7517_EC_KEY | {"use": "sig"})) == {"1"}


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"use": "sig"},
        {"alg": "ES256"},
        {"key_ops": ["verify"]},
        {"key_ops": ["sign", "verify"]},
        {"x5t": "unknown to us", "more": {"of": "it"}},
    ],
)
def test_a_key_for_signatures_is_usable(changes: Jwk) -> None:
    assert is_usable(ec_jwk(**changes))


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"use": "enc"}, id="for encryption"),
        pytest.param({"use": None}, id="for nothing"),
        pytest.param({"key_ops": ["encrypt"]}, id="for other operations"),
        pytest.param({"key_ops": []}, id="for no operation"),
        pytest.param({"key_ops": "verify"}, id="operations that are no list"),
        pytest.param({"alg": "ES384"}, id="another algorithm"),
        pytest.param({"alg": "HS256"}, id="a shared-secret algorithm"),
        pytest.param({"alg": "none"}, id="no algorithm"),
        pytest.param({"alg": None}, id="null as algorithm"),
        pytest.param({"kid": ""}, id="empty id"),
        pytest.param({"kid": None}, id="null as id"),
        pytest.param({"kid": 1}, id="a number as id"),
        pytest.param({"kid": ["key"]}, id="a list as id"),
        pytest.param({"kty": "oct", "k": "c2VjcmV0"}, id="a shared secret"),
        pytest.param({"kty": "OKP"}, id="another kind"),
        pytest.param({"kty": "RSA"}, id="RSA with a curve"),
        pytest.param({"kty": ["EC"]}, id="a list as kind"),
        pytest.param({"crv": "P-384"}, id="a curve that the point is not on"),
        pytest.param({"crv": ["P-256"]}, id="a list as curve"),
        pytest.param({"x": "AAAA"}, id="a short coordinate"),
        pytest.param({"y": "A" * 43}, id="a point that is not on the curve"),
    ],
)
def test_any_other_key_is_left_out(changes: Jwk) -> None:
    assert not is_usable(ec_jwk(**changes))


@pytest.mark.parametrize(
    "key",
    [
        pytest.param({"kty": "oct", "k": "c2VjcmV0", "kid": "key"}, id="a shared secret"),
        pytest.param({"kty": "oct", "k": "c2VjcmV0", "kid": "key", "alg": "ES256", "crv": "P-256"}, id="in disguise"),
        pytest.param(rsa_jwk(1024), id="a small RSA key"),
        pytest.param(ec_jwk(ec.SECP384R1()), id="P-384"),
        pytest.param(ec_jwk(ec.SECP256K1()), id="secp256k1"),
        pytest.param(
            OKPAlgorithm.to_jwk(ed448.Ed448PrivateKey.generate().public_key(), as_dict=True) | {"kid": "key"},
            id="Ed448",
        ),
        pytest.param({}, id="an empty object"),
        pytest.param("key", id="a string"),
        pytest.param(None, id="null"),
        pytest.param([ec_jwk()], id="a list"),
    ],
)
def test_a_key_of_another_kind_is_left_out(key: object) -> None:
    assert not is_usable(key)


@pytest.mark.parametrize("value", [None, 5, True, [], {}, "", "=", "é", "\0", "A", "A" * 4096, "AQ=="])
@pytest.mark.parametrize(
    ("key", "member"),
    [
        (RFC_7517_RSA_KEY, "n"),
        (RFC_7517_RSA_KEY, "e"),
        (RFC_7517_EC_KEY | {"use": "sig"}, "x"),
        (RFC_7517_EC_KEY | {"use": "sig"}, "y"),
        (ed25519_jwk(), "x"),
    ],
)
def test_a_key_with_a_broken_number_spoils_no_other(key: Jwk, member: str, value: object) -> None:
    keys = parse(key | {member: value}, ec_jwk(kid="another"))

    assert "another" in keys


@pytest.mark.parametrize("member", ["kty", "crv", "x", "y", "kid"])
def test_a_key_with_a_missing_member_is_left_out(member: str) -> None:
    key = {name: value for name, value in ec_jwk().items() if name != member}

    assert not is_usable(key)


def test_private_parts_are_not_kept() -> None:
    private_key = ec.generate_private_key(ec.SECP256R1())
    private_jwk = ECAlgorithm.to_jwk(private_key, as_dict=True) | {"kid": "key"}

    key = parse(private_jwk)["key"]

    assert "d" in private_jwk
    assert isinstance(key.jwk.key, ec.EllipticCurvePublicKey)
    assert private_jwk["d"] not in str(vars(key.jwk))


def test_of_two_keys_of_one_id_the_later_counts() -> None:
    earlier, later = ec_jwk(), ed25519_jwk()

    assert parse(earlier, later)["key"].algorithm == "EdDSA"


def test_a_set_has_at_most_fifty_keys() -> None:
    keys = [ec_jwk(kid=str(number)) for number in range(MAXIMUM_KEYS)]

    assert len(parse(*keys)) == 50
    with pytest.raises(ValueError, match="50"):
        parse(*keys, ec_jwk())


def test_a_set_has_at_most_64_kb() -> None:
    document = json.dumps({"keys": [ec_jwk()]}).encode()

    assert parse_key_set(document.ljust(MAXIMUM_KEY_SET_BYTES))
    with pytest.raises(ValueError, match="65536 bytes"):
        parse_key_set(document.ljust(MAXIMUM_KEY_SET_BYTES + 1))


@pytest.mark.parametrize(
    "document",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"<!doctype html><title>Sign in</title>", id="HTML"),
        pytest.param(b"null", id="null"),
        pytest.param(b"[]", id="list"),
        pytest.param(b"{}", id="empty object"),
        pytest.param(b'{"keys": null}', id="no keys"),
        pytest.param(b'{"keys": {}}', id="keys in an object"),
        pytest.param(b'{"keys": []}', id="empty keys"),
        pytest.param(b'{"keys": [{"kty": "oct", "k": "c2VjcmV0", "kid": "key"}]}', id="shared secrets only"),
        pytest.param(b'{"keys": ' + b"[" * 30_000 + b"]" * 30_000 + b"}", id="deep"),
        pytest.param(b'{"keys": [NaN]}', id="NaN"),
        pytest.param(b'{"keys": []}'[:-1], id="cut off"),
        pytest.param(b"\xff\xfe", id="no UTF-8"),
        pytest.param(json.dumps({"keys": [RFC_7517_RSA_KEY]}).encode("utf-16"), id="UTF-16"),
    ],
)
def test_what_holds_no_usable_key_is_no_key_set(document: bytes) -> None:
    with pytest.raises(ValueError, match=r"key|line"):
        parse_key_set(document)
