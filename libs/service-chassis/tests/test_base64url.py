import random

import pytest

from service_chassis.base64url import decode_base64url, encode_base64url


def test_any_bytes_come_back() -> None:
    generator = random.Random(1)  # reproducible on purpose

    for length in range(100):
        decoded = generator.randbytes(length)

        assert decode_base64url(encode_base64url(decoded)) == decoded


def test_the_text_needs_no_escaping_in_a_url() -> None:
    assert encode_base64url(b"\xfb\xff\xfe\x00") == "-__-AA"


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("QQ==", id="padding"),
        pytest.param("+/8", id="the other alphabet"),
        pytest.param("Q Q", id="space"),
        pytest.param("QUJD\n", id="line break"),
        pytest.param("QR", id="unused bits that are set"),
        pytest.param("A", id="a sixth of a byte too few"),
        pytest.param("QUJDä", id="not ASCII"),
        pytest.param("QUJD\0", id="NUL"),
    ],
)
def test_every_other_spelling_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"base64|ascii|padding"):
        decode_base64url(text)
