"""How passwords are hashed and compared, and what that may cost."""

import asyncio
import os
import secrets
import sys
import threading
import unicodedata
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import TypeVar

from passlib.context import CryptContext

from auth_service.errors import PasswordHashingBusyError

MAXIMUM_PASSWORD_BYTES = 4096
# OWASP Password Storage Cheat Sheet: argon2id with 19 MiB, two passes, one lane.
_CONTEXT = CryptContext(
    schemes=["argon2", "bcrypt"],
    deprecated="auto",
    argon2__type="ID",
    argon2__memory_cost=19 * 1024,
    argon2__time_cost=2,
    argon2__parallelism=1,
)
Result = TypeVar("Result")


def get_password_hash(password: str) -> str:
    """Return an argon2id hash; slow on purpose, so call it through `PasswordHashing`."""
    hashed: str = _CONTEXT.hash(_normalize(password))
    return hashed


def verify_password(password: str, hashed_password: str) -> bool:
    """Whether the hash, of any scheme that was ever in use, belongs to the password; slow on purpose."""
    try:
        return bool(_CONTEXT.verify(_normalize(password), hashed_password))
    except (ValueError, TypeError):
        # A hash that is garbage, or a password that its scheme can't take, is one that does not match.
        return False


def needs_rehash(hashed_password: str) -> bool:
    """Whether a hash was made with a scheme or cost that is not today's."""
    return bool(_CONTEXT.needs_update(hashed_password))


def _normalize(password: str) -> str:
    # The same password typed on two systems can arrive composed or decomposed (NIST SP 800-63B, 5.1.1.2).
    return unicodedata.normalize("NFKC", password)


class PasswordHashing:
    """Hashes in a few threads of low priority behind a bounded queue, so that logins never slow down other requests."""

    def __init__(self, *, threads: int = 2, queue_length: int = 64) -> None:
        self._executor = ThreadPoolExecutor(threads, "password-hashing", initializer=_lower_priority)
        self._places = threading.BoundedSemaphore(threads + queue_length)
        # Verified for unknown users, so that their logins cost what everybody's cost.
        self._decoy = _decoy_hash()

    async def hash(self, password: str) -> str:
        """Return the hash of a new password.

        Raises:
            PasswordHashingBusyError: the queue is full.
        """
        return await self._run(lambda: get_password_hash(password))

    async def verify(self, password: str, hashed_password: str | None) -> bool:
        """Whether the password matches; None, for an unknown user, costs the same time and never matches.

        Raises:
            PasswordHashingBusyError: the queue is full.
        """
        matches = await self._run(lambda: verify_password(password, hashed_password or self._decoy))
        return matches and hashed_password is not None

    async def _run(self, work: Callable[[], Result]) -> Result:
        if not self._places.acquire(blocking=False):
            raise PasswordHashingBusyError
        future = self._executor.submit(work)
        # The place is free when the thread is, not when a client that hung up stops waiting.
        future.add_done_callback(lambda _: self._places.release())
        return await asyncio.wrap_future(future)

    def close(self) -> None:
        """End the threads after what they are doing; drop what waits."""
        self._executor.shutdown(cancel_futures=True)


@cache
def _decoy_hash() -> str:
    return get_password_hash(secrets.token_urlsafe())


def _lower_priority() -> None:
    # On Linux a niceness belongs to a thread; elsewhere it would slow down the whole process.
    if sys.platform == "linux":
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), 19)
