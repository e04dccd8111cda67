"""How passwords are hashed and compared, and what that may cost."""

import asyncio
import os
import re
import secrets
import sys
import threading
import unicodedata
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cache
from typing import Any, TypeVar

from passlib.context import CryptContext

from auth_service.errors import PasswordHashingBusyError
from auth_service.metrics import PASSWORD_HASH_DURATION, PASSWORD_HASH_REFUSALS

MAXIMUM_PASSWORD_BYTES = 4096
MAXIMUM_THREADS = 2
# OWASP Password Storage Cheat Sheet: of five sets that it calls equal, the one with the least memory: argon2id with
# 7 MiB, five passes, one lane. Who guesses moves as much memory as with 19 MiB and two, and we find it in the cache.
PASSWORD_CONTEXT = CryptContext(
    schemes=["argon2", "bcrypt"],
    deprecated="auto",
    argon2__type="ID",
    argon2__memory_cost=7 * 1024,
    argon2__time_cost=5,
    argon2__parallelism=1,
)
# What a verification costs is written at the front of a hash.
_COST = re.compile(r"\$argon2\w+\$(?:v=\d+\$)?m=\d+,t=\d+,p=\d+\$|\$2[aby]\$\d\d\$")
_MAXIMUM_DECOYS = 8
Result = TypeVar("Result")


def get_password_hash(password: str, context: CryptContext = PASSWORD_CONTEXT) -> str:
    """Return an argon2id hash; slow on purpose, so call it through `PasswordHashing`."""
    hashed: str = context.hash(_normalize(password))
    return hashed


def verify_password(password: str, hashed_password: str) -> bool:
    """Whether the hash, of any scheme that was ever in use, belongs to the password; slow on purpose."""
    return bool(_compare(password, hashed_password))


def needs_rehash(hashed_password: str, context: CryptContext = PASSWORD_CONTEXT) -> bool:
    """Whether a hash was made with a scheme or cost that is not today's."""
    return bool(context.needs_update(hashed_password))


def _compare(password: str, hashed_password: str) -> bool | None:
    try:
        return bool(PASSWORD_CONTEXT.verify(_normalize(password), hashed_password))
    except (ValueError, TypeError):
        # A hash that is garbage, or a password that its scheme can't take, is one that does not match, at no cost.
        return None


def _normalize(password: str) -> str:
    # The same password typed on two systems can arrive composed or decomposed (NIST SP 800-63B, 5.1.1.2).
    return unicodedata.normalize("NFKC", password)


class PasswordHashing:
    """Hashes in a few threads of low priority behind a bounded queue, so that logins never slow down other requests.

    `context` says what new hashes cost; tests that are about something else take a cheaper one.
    """

    def __init__(
        self, *, threads: int | None = None, queue_length: int = 64, context: CryptContext = PASSWORD_CONTEXT
    ) -> None:
        threads = threads or _threads_of_use()
        self._context = context
        self._executor = ThreadPoolExecutor(threads, "password-hashing", initializer=_lower_priority)
        self.threads = threads
        self._places = threads + queue_length
        self._jobs: set[Future[Any]] = set()
        # By their cost. Until hashes with other parameters are met, today's are the only ones.
        self._cost_of_today = _cost(_decoy_hash(context))
        self._decoys = {self._cost_of_today: _decoy_hash(context)}

    @property
    def busy_count(self) -> int:
        """How many passwords are hashed now."""
        return min(len(self._jobs), self.threads)

    @property
    def queued_count(self) -> int:
        """How many passwords wait to be hashed."""
        return max(len(self._jobs) - self.threads, 0)

    async def hash(self, password: str) -> str:
        """Return the hash of a new password.

        Raises:
            PasswordHashingBusyError: the queue is full.
        """
        return await self._run(lambda: get_password_hash(password, self._context))

    async def verify(self, password: str, hashed_password: str | None, *, may_match: bool = True) -> bool:
        """Whether the password matches; every refusal costs the same, whoever is refused and why.

        None, for an unknown user, matches nothing; nor does a hash that may not match, as that of a disabled account.

        Raises:
            PasswordHashingBusyError: the queue is full.
        """
        self._meet(hashed_password)
        decoys = dict(self._decoys)
        return await self._run(
            lambda: _verify_at_equal_cost(password, hashed_password, may_match=may_match, decoys=decoys)
        )

    def needs_rehash(self, hashed_password: str) -> bool:
        """Whether a hash was made with a scheme or cost that new ones are not made with."""
        # Of most hashes the front says so already, and to take one apart costs 30 µs.
        return not hashed_password.startswith(self._cost_of_today) and needs_rehash(hashed_password, self._context)

    def _meet(self, hashed_password: str | None) -> None:
        # A hash with other parameters takes another time, which no waiting hides while a machine is busy. So once one
        # is met, each refusal verifies a hash of every kind.
        cost = _cost(hashed_password)
        if cost and len(self._decoys) < _MAXIMUM_DECOYS:
            self._decoys.setdefault(cost, _decoy_of(cost, self._context))

    async def _run(self, work: Callable[[], Result]) -> Result:
        if len(self._jobs) >= self._places:
            PASSWORD_HASH_REFUSALS.inc()
            raise PasswordHashingBusyError
        future = self._executor.submit(_measured, work)
        self._jobs.add(future)
        # The place is free when the thread is, not when a client that hung up stops waiting.
        future.add_done_callback(self._jobs.discard)
        return await asyncio.wrap_future(future)

    def close(self) -> None:
        """End the threads after what they are doing; drop what waits."""
        self._executor.shutdown(cancel_futures=True)


def _threads_of_use() -> int:
    # On one core a second thread would get nobody an answer sooner, and each keeps 7 MiB.
    cores = len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1
    return min(cores, MAXIMUM_THREADS)


def _measured(work: Callable[[], Result]) -> Result:
    with PASSWORD_HASH_DURATION.time():
        return work()


def _verify_at_equal_cost(
    password: str, hashed_password: str | None, *, may_match: bool, decoys: Mapping[str, str]
) -> bool:
    matches = None if hashed_password is None else _compare(password, hashed_password)
    if matches and may_match:
        return True
    paid = None if matches is None else _cost(hashed_password)
    for cost, decoy in decoys.items():
        if cost != paid:
            _compare(password, decoy)
    return False


def _cost(hashed_password: str | None) -> str:
    """Return the part of a hash that says what verifying it costs; nothing for garbage and for no hash."""
    found = _COST.match(hashed_password or "")
    # The letter says which implementation made the hash, and nothing of what it costs.
    return re.sub(r"^\$2[ay]", "$2b", found[0]) if found else ""


def _decoy_of(cost: str, context: CryptContext) -> str:
    decoy = _decoy_hash(context)
    salt_and_digest = "." * 53 if cost.startswith("$2b") else decoy.removeprefix(_cost(decoy))
    return cost + salt_and_digest


@cache
def _decoy_hash(context: CryptContext) -> str:
    # Of no password: to hash one takes 30 ms, which no start shall wait for.
    handler = context.handler()
    decoy: str = handler(use_defaults=True, checksum=secrets.token_bytes(handler.checksum_size)).to_string()
    return decoy


def _lower_priority() -> None:
    # On Linux a niceness belongs to a thread; elsewhere it would slow down the whole process.
    if sys.platform == "linux":
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), 19)
