"""The examples of RFC 7515 (signatures), RFC 7517 (keys) and RFC 8037 (Ed25519), against what judges our tokens."""

import json
from pathlib import Path
from typing import Any

import pytest
from pydantic_core import from_json

from service_chassis.access_tokens.keys import VerificationKey, parse_key_set
from service_chassis.access_tokens.verification import TokenVerifier
from service_chassis.base64url import decode_base64url
from service_chassis.errors import InvalidTokenError

Vector = dict[str, Any]

PUBLISHED = json.loads(Path(__file__).with_name("published_vectors.json").read_bytes())
OUR_ALGORITHMS = {"ES256", "RS256", "EdDSA"}


def named(vectors: list[Vector]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("vector", [pytest.param(vector, id=vector["source"]) for vector in vectors])


of_our_algorithms = named([vector for vector in PUBLISHED["signatures"] if vector["algorithm"] in OUR_ALGORITHMS])
of_other_algorithms = named([vector for vector in PUBLISHED["signatures"] if vector["algorithm"] not in OUR_ALGORITHMS])


def parse(*keys: Vector) -> dict[str, VerificationKey]:
    return parse_key_set(json.dumps({"keys": [{"kid": "published"} | key for key in keys]}).encode())


def signed_and_signature(jws: str) -> tuple[bytes, bytes]:
    signed, _, signature = jws.rpartition(".")
    return signed.encode(), decode_base64url(signature)


def with_another_bit(text: bytes, position: int) -> bytes:
    return text[:position] + bytes([text[position] ^ 1]) + text[position + 1 :]


@of_our_algorithms
def test_a_published_signature_verifies(vector: Vector) -> None:
    key = parse(vector["key"])["published"]
    signed, signature = signed_and_signature(vector["jws"])

    assert key.algorithm == vector["algorithm"] == from_json(decode_base64url(vector["jws"].split(".")[0]))["alg"]
    assert key.verifies(signature, signed)


@of_our_algorithms
def test_a_published_signature_verifies_nothing_else(vector: Vector) -> None:
    key = parse(vector["key"])["published"]
    signed, signature = signed_and_signature(vector["jws"])

    for position in range(0, len(signed), 5):
        assert not key.verifies(signature, with_another_bit(signed, position))
    for position in range(len(signature)):
        assert not key.verifies(with_another_bit(signature, position), signed)
    for other in (b"", b"\0", signature[:-1], signature + b"\0"):
        assert not key.verifies(other, signed)


@of_other_algorithms
def test_a_published_key_of_another_algorithm_is_not_used(vector: Vector) -> None:
    with pytest.raises(ValueError, match="no usable key"):
        parse(vector["key"])


@named(PUBLISHED["signatures"])
def test_no_published_signature_is_an_access_token(vector: Vector) -> None:
    keys = parse(vector["key"]) if vector["algorithm"] in OUR_ALGORITHMS else {}

    with pytest.raises(InvalidTokenError):
        TokenVerifier(issuer="joe", audience="tandem").verify(vector["jws"], keys)


@pytest.mark.parametrize(
    ("source", "usable"),
    [
        ("RFC 7517, A.1 (public keys)", {"2011-04-29": "RS256"}),
        ("RFC 7517, A.2 (private keys)", {"2011-04-29": "RS256"}),
        ("RFC 7517, A.3 (symmetric keys)", {}),
        ("RFC 7517, B (certificate chain)", {"1b94c": "RS256"}),
    ],
)
def test_of_a_published_key_set_the_keys_for_signatures_are_kept(source: str, usable: dict[str, str]) -> None:
    [keys] = [key_set["keys"] for key_set in PUBLISHED["key_sets"] if key_set["source"] == source]
    one_of_ours = PUBLISHED["signatures"][2]["key"]

    kept = parse(*keys, one_of_ours)

    assert {key_id: key.algorithm for key_id, key in kept.items()} == usable | {"published": "ES256"}


def test_of_a_private_key_only_the_public_half_is_kept() -> None:
    [private_keys] = [key_set["keys"] for key_set in PUBLISHED["key_sets"] if "A.2" in key_set["source"]]

    key = parse(*private_keys)["2011-04-29"]

    assert "d" in private_keys[1]
    assert not hasattr(key.jwk.key, "private_numbers")
