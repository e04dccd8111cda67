"""Secrets that are made once and kept in files which only their owner can read."""

import os
import secrets
from pathlib import Path


def read_or_make_secret(path: Path) -> str:
    """Return the secret in that file; the first call makes it at random."""
    try:
        return path.read_text(encoding="ascii")
    except FileNotFoundError:
        pass
    secret = secrets.token_urlsafe(32)
    unfinished = path.with_name(f"{path.name}.unfinished")
    unfinished.unlink(missing_ok=True)
    with os.fdopen(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as file:
        file.write(secret)
    # A run killed while writing must not leave half a secret under the final name.
    unfinished.rename(path)
    return secret
