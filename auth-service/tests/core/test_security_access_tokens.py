"""How signing keys and access tokens are made."""

from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from auth_service.core.security import SigningKeyPair, create_access_token

ALGORITHMS = ["ES256", "RS256", "EdDSA"]
CLAIMS: dict[str, Any] = {"sub": "somebody", "scope": "users:me"}


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_token_is_verified_with_the_published_key(algorithm: str) -> None:
    key = SigningKeyPair.generate(algorithm)

    token = create_access_token(CLAIMS, key=key)

    assert jwt.decode(token, jwt.PyJWK(key.public_jwk()), [algorithm]) == CLAIMS


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_the_header_has_type_key_id_and_algorithm_only(algorithm: str) -> None:
    key = SigningKeyPair.generate(algorithm)

    header = jwt.get_unverified_header(create_access_token(CLAIMS, key=key))

    assert header == {"typ": "at+jwt", "kid": str(key.key_id), "alg": algorithm}


@pytest.mark.parametrize(
    ("algorithm", "members"),
    [("ES256", {"crv", "x", "y"}), ("RS256", {"n", "e", "key_ops"}), ("EdDSA", {"crv", "x"})],
)
def test_a_published_key_has_public_members_only(algorithm: str, members: set[str]) -> None:
    key = SigningKeyPair.generate(algorithm)

    jwk = key.public_jwk()

    assert set(jwk) == {"kty", "kid", "alg", "use"} | members
    assert (jwk["kid"], jwk["alg"], jwk["use"]) == (str(key.key_id), algorithm, "sig")


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_stored_key_is_the_same_key_when_it_is_read(algorithm: str) -> None:
    key = SigningKeyPair.generate(algorithm)

    read = SigningKeyPair.from_der(key.to_der(), key_id=key.key_id, algorithm=algorithm)

    assert read.public_jwk() == key.public_jwk()
    token = create_access_token(CLAIMS, key=read)
    assert jwt.decode(token, jwt.PyJWK(key.public_jwk()), [algorithm]) == CLAIMS


def test_a_key_does_not_show_its_private_half() -> None:
    key = SigningKeyPair.generate("ES256")

    assert "private_key" not in repr(key)


def test_an_rsa_key_has_3072_bits() -> None:
    private_key = SigningKeyPair.generate("RS256").private_key

    assert isinstance(private_key, RSAPrivateKey)
    assert private_key.key_size == 3072


@pytest.mark.parametrize("algorithm", ["HS256", "none", "ES512", ""])
def test_no_other_algorithm_makes_a_key(algorithm: str) -> None:
    with pytest.raises(ValueError, match="no such algorithm"):
        SigningKeyPair.generate(algorithm)
