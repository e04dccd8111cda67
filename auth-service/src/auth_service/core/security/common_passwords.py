"""Passwords that are tried first."""

import unicodedata
from functools import cache
from pathlib import Path

_LIST = Path(__file__).with_name("common_passwords.txt")


def is_common_password(password: str) -> bool:
    """Whether a password is on a list of frequent ones, in whatever case and width (NIST SP 800-63B, 5.1.1.2)."""
    return unicodedata.normalize("NFKC", password).lower() in _common_passwords()


@cache
def _common_passwords() -> frozenset[str]:
    return frozenset(_LIST.read_text("ascii").splitlines())
