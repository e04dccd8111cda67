"""One token has one spelling, but for its signature: ES256 signatures can be rewritten by anybody."""

import string
from collections.abc import Callable

import pytest
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from service_chassis.access_tokens.claims import AccessToken
from service_chassis.access_tokens.keys import parse_key_set
from service_chassis.access_tokens.verification import MAXIMUM_TOKEN_CHARACTERS, TokenVerifier, unverified_key_id
from service_chassis.base64url import decode_base64url, encode_base64url
from service_chassis.errors import InvalidTokenError
from service_chassis.testing.issuer import AUDIENCE, ISSUER, TokenIssuer

ALPHABET = string.ascii_uppercase + string.ascii_lowercase + string.digits + "-_"
ORDER_OF_P256 = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


def verify(issuer: TokenIssuer, token: str) -> AccessToken:
    unverified_key_id(token)
    return TokenVerifier(issuer=ISSUER, audience=AUDIENCE).verify(token, parse_key_set(issuer.key_set()))


def with_signature(token: str, edit: Callable[[bytes], bytes]) -> str:
    signed, _, signature = token.rpartition(".")
    return f"{signed}.{encode_base64url(edit(decode_base64url(signature)))}"


def with_unused_bits(token: str, part: int) -> str:
    """Set the last bit of a part whose last character has bits that belong to no byte."""
    parts = token.split(".")
    parts[part] = parts[part][:-1] + ALPHABET[ALPHABET.index(parts[part][-1]) | 1]
    return ".".join(parts)


@pytest.mark.parametrize(
    "edit",
    [
        pytest.param(lambda _: "", id="nothing"),
        pytest.param(lambda t: t.rpartition(".")[0], id="two parts"),
        pytest.param(lambda t: f"{t}.", id="four parts, one empty"),
        pytest.param(lambda t: f"{t}.{t.split('.')[2]}", id="four parts"),
        pytest.param(lambda t: f"{t}.a.b", id="five parts, as an encrypted token has"),
        pytest.param(lambda t: t.rpartition(".")[0] + ".", id="no signature"),
        pytest.param(lambda t: "." + t.partition(".")[2], id="no header"),
        pytest.param(lambda t: f"{t}==", id="padding behind the signature"),
        pytest.param(lambda t: t.replace(".", "=.", 1), id="padding behind the header"),
        pytest.param(lambda t: f" {t}", id="space before"),
        pytest.param(lambda t: f"{t} ", id="space behind"),
        pytest.param(lambda t: f"{t}\n", id="line break behind"),
        pytest.param(lambda t: t.replace(".", "\n.", 1), id="line break inside"),
        pytest.param(lambda t: f"{t}\0", id="NUL behind"),
        pytest.param(lambda t: t.replace("e", "\N{CYRILLIC SMALL LETTER IE}", 1), id="a letter that looks the same"),
        pytest.param(lambda t: f"{t}!", id="a character outside the alphabet"),
        pytest.param(lambda t: t + "A", id="a character too many"),
    ],
)
def test_another_spelling_is_refused(issuer: TokenIssuer, edit: Callable[[str], str]) -> None:
    token = edit(issuer.token())

    with pytest.raises(InvalidTokenError):
        verify(issuer, token)


def test_the_alphabet_of_plain_base64_is_refused(issuer: TokenIssuer) -> None:
    tokens = (issuer.token() for _ in range(1000))
    token = next(token for token in tokens if "-" in token or "_" in token)

    with pytest.raises(InvalidTokenError):
        verify(issuer, token.replace("-", "+").replace("_", "/"))


@pytest.mark.parametrize("part", [0, 1, 2])
def test_unused_bits_are_zero(part: int) -> None:
    issuers = [TokenIssuer("k" * length) for length in range(1, 4)]
    tokens = [(issuer, issuer.token(client_id="c" * length)) for issuer in issuers for length in range(1, 4)]
    issuer, token = next((issuer, token) for issuer, token in tokens if len(token.split(".")[part]) % 4)

    with pytest.raises(InvalidTokenError):
        verify(issuer, with_unused_bits(token, part))


@pytest.mark.parametrize(
    "edit",
    [
        pytest.param(lambda s: s[:-1], id="cut off"),
        pytest.param(lambda s: s[:32], id="half"),
        pytest.param(lambda s: s + b"\0", id="longer"),
        pytest.param(lambda s: b"\0" * len(s), id="zeros"),
        pytest.param(lambda s: b"\xff" * len(s), id="ones"),
        pytest.param(lambda s: s[32:] + s[:32], id="halves exchanged"),
        pytest.param(
            lambda s: encode_dss_signature(int.from_bytes(s[:32], "big"), int.from_bytes(s[32:], "big")), id="DER"
        ),
        pytest.param(lambda s: b"\0" + s[:32] + b"\0" + s[32:], id="wider numbers"),
    ],
)
def test_another_form_of_signature_is_refused(issuer: TokenIssuer, edit: Callable[[bytes], bytes]) -> None:
    token = with_signature(issuer.token(), edit)

    with pytest.raises(InvalidTokenError):
        verify(issuer, token)


def test_a_signature_with_any_bit_flipped_is_refused(issuer: TokenIssuer) -> None:
    token = issuer.token()

    for bit in range(0, 512, 7):

        def flip(signature: bytes, bit: int = bit) -> bytes:
            return (int.from_bytes(signature, "big") ^ 1 << bit).to_bytes(64, "big")

        with pytest.raises(InvalidTokenError):
            verify(issuer, with_signature(token, flip))


def test_a_rewritten_signature_gives_the_same_identity(issuer: TokenIssuer) -> None:
    def negate_s(signature: bytes) -> bytes:
        return signature[:32] + (ORDER_OF_P256 - int.from_bytes(signature[32:], "big")).to_bytes(32, "big")

    token = issuer.token()
    rewritten = with_signature(token, negate_s)

    assert rewritten != token
    assert verify(issuer, rewritten) == verify(issuer, token)


def test_a_token_has_at_most_8_kb(issuer: TokenIssuer) -> None:
    overhead = len(issuer.token(scope=""))
    fitting = issuer.token(scope="s" * ((MAXIMUM_TOKEN_CHARACTERS - overhead) * 3 // 4))
    too_long = issuer.token(scope="s" * ((MAXIMUM_TOKEN_CHARACTERS - overhead) * 3 // 4 + 4))

    assert len(fitting) <= MAXIMUM_TOKEN_CHARACTERS < len(too_long)
    verify(issuer, fitting)
    with pytest.raises(InvalidTokenError):
        verify(issuer, too_long)


def test_a_megabyte_is_refused_before_it_is_read(issuer: TokenIssuer) -> None:
    with pytest.raises(InvalidTokenError):
        verify(issuer, "a" * 1_000_000)
