"""How refresh tokens are made, stored and sealed."""

from base64 import urlsafe_b64decode

import pytest

from auth_service.core.security import (
    WrongKeyError,
    hash_refresh_token,
    new_refresh_token,
    seal_successor,
    unseal_successor,
)


def test_a_token_is_256_bits_as_url_safe_text() -> None:
    assert len(urlsafe_b64decode(new_refresh_token() + "=")) == 32


def test_no_two_tokens_are_equal() -> None:
    assert len({new_refresh_token() for _ in range(100)}) == 100


def test_a_hash_is_always_the_same_and_does_not_show_the_token() -> None:
    token = new_refresh_token()

    assert hash_refresh_token(token) == hash_refresh_token(token)
    assert len(hash_refresh_token(token)) == 32
    assert token.encode() not in hash_refresh_token(token)


def test_two_tokens_have_two_hashes() -> None:
    assert hash_refresh_token(new_refresh_token()) != hash_refresh_token(new_refresh_token())


def test_who_holds_the_used_token_can_read_its_successor() -> None:
    used, successor = new_refresh_token(), new_refresh_token()

    assert unseal_successor(seal_successor(successor, used_token=used), used_token=used) == successor


@pytest.mark.parametrize("other", ["", "A" * 43])
def test_nobody_else_can_read_the_successor(other: str) -> None:
    sealed = seal_successor(new_refresh_token(), used_token=new_refresh_token())

    with pytest.raises(WrongKeyError):
        unseal_successor(sealed, used_token=other)


def test_what_is_stored_of_a_token_does_not_open_its_successor() -> None:
    used = new_refresh_token()
    sealed = seal_successor(new_refresh_token(), used_token=used)

    with pytest.raises(WrongKeyError):
        unseal_successor(sealed, used_token=hash_refresh_token(used).hex())
