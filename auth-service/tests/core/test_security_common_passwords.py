"""Passwords that are tried first."""

import pytest

from auth_service.core.security import is_common_password


@pytest.mark.parametrize("password", ["password", "12345678", "qwertyuiop", "PassWord", "\uff11\uff12345678"])
def test_a_frequent_password_is_found_in_any_case_and_width(password: str) -> None:
    assert is_common_password(password)


@pytest.mark.parametrize(
    "password", ["correct horse", "correct horse battery", "password\0", "password\n12345678", "", "\ud800"]
)
def test_any_other_password_is_not(password: str) -> None:
    assert not is_common_password(password)
