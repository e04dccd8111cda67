"""A token's signature is computed once; everything that may change about a token is judged every time."""

from typing import ClassVar

import pytest

from service_chassis.access_tokens.keys import VerificationKey, parse_key_set
from service_chassis.access_tokens.verification import TokenVerifier
from service_chassis.base64url import decode_base64url, encode_base64url
from service_chassis.errors import InvalidTokenError
from service_chassis.testing.issuer import AUDIENCE, ISSUER, TokenIssuer

NOW = 1_800_000_000
ORDER_OF_P256 = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


class CountingKey(VerificationKey):
    """A key that tells which signatures it has looked at."""

    looked_at: ClassVar[list[bytes]] = []

    def verifies(self, signature: bytes, signed: bytes) -> bool:
        self.looked_at.append(signature)
        return super().verifies(signature, signed)


@pytest.fixture
def keys(issuer: TokenIssuer) -> dict[str, VerificationKey]:
    CountingKey.looked_at.clear()
    return counting_keys(issuer)


@pytest.fixture
def verifier() -> TokenVerifier:
    return TokenVerifier(issuer=ISSUER, audience=AUDIENCE)


def counting_keys(issuer: TokenIssuer) -> dict[str, VerificationKey]:
    [key] = parse_key_set(issuer.key_set()).values()
    return {key.key_id: CountingKey(key.key_id, key.algorithm, key.jwk)}


def token_of(issuer: TokenIssuer) -> str:
    return issuer.token(iat=NOW, exp=NOW + 900)


def rewritten(token: str) -> str:
    """Return the same token with the other signature that is right, as anybody can make it."""
    signed, _, signature = token.rpartition(".")
    numbers = decode_base64url(signature)
    s = ORDER_OF_P256 - int.from_bytes(numbers[32:], "big")
    return f"{signed}.{encode_base64url(numbers[:32] + s.to_bytes(32, 'big'))}"


def test_a_tokens_signature_is_looked_at_once(
    issuer: TokenIssuer, verifier: TokenVerifier, keys: dict[str, VerificationKey]
) -> None:
    token = token_of(issuer)

    answers = [verifier.verify(token, keys, now=NOW) for _ in range(3)]

    assert answers[0] == answers[1] == answers[2]
    assert len(CountingKey.looked_at) == 1


def test_a_remembered_token_expires(
    issuer: TokenIssuer, verifier: TokenVerifier, keys: dict[str, VerificationKey]
) -> None:
    token = token_of(issuer)
    verifier.verify(token, keys, now=NOW)

    with pytest.raises(InvalidTokenError):
        verifier.verify(token, keys, now=NOW + 900)


def test_a_remembered_token_ends_with_its_key(
    issuer: TokenIssuer, verifier: TokenVerifier, keys: dict[str, VerificationKey]
) -> None:
    token = token_of(issuer)
    verifier.verify(token, keys, now=NOW)

    with pytest.raises(InvalidTokenError):
        verifier.verify(token, {}, now=NOW)
    with pytest.raises(InvalidTokenError):
        verifier.verify(token, counting_keys(TokenIssuer(issuer.key_id)), now=NOW)


def test_a_rewritten_signature_is_looked_at_and_gives_the_same_identity(
    issuer: TokenIssuer, verifier: TokenVerifier, keys: dict[str, VerificationKey]
) -> None:
    token = token_of(issuer)

    original, mirrored = [verifier.verify(text, keys, now=NOW) for text in (token, rewritten(token))]

    assert original == mirrored
    assert len(CountingKey.looked_at) == 2


@pytest.mark.parametrize("position", [5, -60, -5])
def test_a_token_that_resembles_a_remembered_one_is_refused(
    issuer: TokenIssuer, verifier: TokenVerifier, keys: dict[str, VerificationKey], position: int
) -> None:
    token = token_of(issuer)
    verifier.verify(token, keys, now=NOW)
    characters = list(token)
    characters[position] = "A" if characters[position] != "A" else "B"

    with pytest.raises(InvalidTokenError):
        verifier.verify("".join(characters), keys, now=NOW)


def test_a_refused_token_is_not_remembered(
    issuer: TokenIssuer, verifier: TokenVerifier, keys: dict[str, VerificationKey]
) -> None:
    forged = TokenIssuer(issuer.key_id).token(iat=NOW, exp=NOW + 900)

    for _ in range(2):
        with pytest.raises(InvalidTokenError):
            verifier.verify(forged, keys, now=NOW)

    assert len(CountingKey.looked_at) == 2
