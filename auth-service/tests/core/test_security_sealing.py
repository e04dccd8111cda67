"""Authenticated encryption of small secrets."""

import secrets

import pytest

from auth_service.core.security import WrongKeyError, seal, unseal

KEY = secrets.token_bytes(32)
SECRET = b"a private key"


def test_what_was_sealed_can_be_read_with_the_key() -> None:
    assert unseal(seal(SECRET, key=KEY), key=KEY) == SECRET


def test_what_was_sealed_does_not_show_the_secret() -> None:
    assert SECRET not in seal(SECRET, key=KEY)


def test_the_same_secret_is_sealed_differently_each_time() -> None:
    assert seal(SECRET, key=KEY) != seal(SECRET, key=KEY)


def test_another_key_reads_nothing() -> None:
    with pytest.raises(WrongKeyError):
        unseal(seal(SECRET, key=KEY), key=secrets.token_bytes(32))


@pytest.mark.parametrize("position", [0, 11, 12, -1])
def test_an_altered_byte_is_noticed(position: int) -> None:
    altered = bytearray(seal(SECRET, key=KEY))
    altered[position] ^= 1

    with pytest.raises(WrongKeyError):
        unseal(bytes(altered), key=KEY)


@pytest.mark.parametrize("length", [0, 1, 11, 12, 20])
def test_a_truncated_secret_is_noticed(length: int) -> None:
    with pytest.raises(WrongKeyError):
        unseal(seal(SECRET, key=KEY)[:length], key=KEY)
