"""How passwords are hashed and compared, and what that may cost."""

import asyncio
import os
import statistics
import sys
import time

import argon2
import bcrypt
import pytest

from auth_service.core.security import PasswordHashing, get_password_hash, needs_rehash, verify_password
from auth_service.errors import PasswordHashingBusyError

PASSWORD = "correct horse battery staple"
HASHED = get_password_hash(PASSWORD)
OUTDATED_ARGON2 = argon2.PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1).hash(PASSWORD)
OUTDATED_BCRYPT = bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4)).decode()


def test_a_hash_belongs_to_its_password_only() -> None:
    assert verify_password(PASSWORD, HASHED)
    assert not verify_password(PASSWORD + "x", HASHED)
    assert not verify_password("", HASHED)


def test_a_hash_is_argon2id_as_owasp_recommends() -> None:
    assert HASHED.startswith("$argon2id$v=19$m=7168,t=5,p=1$")


def test_two_hashes_of_one_password_differ() -> None:
    assert get_password_hash(PASSWORD) != HASHED


@pytest.mark.parametrize(
    ("password", "other"), [("x" * 72 + "a", "x" * 72 + "b"), ("pass\0word", "pass\0"), ("\0", "\0\0")]
)
def test_no_part_of_a_password_is_left_out(password: str, other: str) -> None:
    hashed = get_password_hash(password)

    assert verify_password(password, hashed)
    assert not verify_password(other, hashed)


@pytest.mark.parametrize(
    ("password", "other"),
    [
        pytest.param("\u00e9", "e\u0301", id="decomposed"),
        pytest.param("\ufb01", "fi", id="ligature"),
        pytest.param("\uff11\uff12", "12", id="full width"),
        pytest.param("\u00c5", "\u212b", id="Angstrom"),
    ],
)
def test_compatible_spellings_of_a_password_are_one(password: str, other: str) -> None:
    assert verify_password(other, get_password_hash(password))


def test_a_password_of_4096_bytes_is_hashed() -> None:
    password = "x" * 4096

    assert verify_password(password, get_password_hash(password))


def test_a_longer_password_matches_nothing() -> None:
    assert not verify_password("x" * 4097, get_password_hash("x" * 4096))


def test_a_bcrypt_hash_verifies_and_is_outdated() -> None:
    hashed = bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4)).decode()

    assert verify_password(PASSWORD, hashed)
    assert not verify_password("wrong", hashed)
    assert needs_rehash(hashed)


@pytest.mark.parametrize("password", ["x" * 73, "with\0NUL"])
def test_a_password_that_bcrypt_would_cut_off_does_not_match(password: str) -> None:
    hashed = bcrypt.hashpw(password.partition("\0")[0][:72].encode(), bcrypt.gensalt(4)).decode()

    assert not verify_password(password, hashed)


@pytest.mark.parametrize("cheaper", [{"time_cost": 4}, {"memory_cost": 6 * 1024}, {"type": argon2.Type.I}])
def test_a_hash_of_other_parameters_is_outdated(cheaper: dict[str, object]) -> None:
    parameters = {"time_cost": 5, "memory_cost": 7 * 1024, "parallelism": 1} | cheaper

    hashed = argon2.PasswordHasher(**parameters).hash(PASSWORD)  # type: ignore[arg-type]  # each has its own type

    assert verify_password(PASSWORD, hashed)
    assert needs_rehash(hashed)


def test_a_hash_of_today_is_not_outdated() -> None:
    assert not needs_rehash(HASHED)


@pytest.mark.parametrize(
    "garbage",
    [
        pytest.param("", id="empty"),
        pytest.param("garbage", id="text"),
        pytest.param("ü\0", id="beyond ASCII"),
        pytest.param("$argon2id$", id="name of the scheme"),
        pytest.param("$argon2id$v=19$m=7168,t=5,p=1$abc$def", id="short salt"),
        pytest.param(HASHED.replace("v=19", "v=99"), id="unknown version"),
        pytest.param(HASHED.replace("m=7168", "m=1"), id="too little memory"),
        pytest.param(HASHED.replace("m=7168", "m=4294967295"), id="too much memory"),
        pytest.param(HASHED[:-10], id="truncated"),
        pytest.param("$2b$12$short", id="short bcrypt"),
    ],
)
def test_a_garbage_hash_matches_nothing(garbage: str) -> None:
    assert not verify_password(PASSWORD, garbage)


async def test_an_unknown_user_matches_nothing() -> None:
    hashing = PasswordHashing()

    assert not await hashing.verify(PASSWORD, None)
    assert not await hashing.verify("", None)


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a process can't be kept to some cores")
def test_a_process_that_may_use_one_core_hashes_in_one_thread() -> None:
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(cores)})
    try:
        hashing = PasswordHashing()
    finally:
        os.sched_setaffinity(0, cores)

    assert hashing.threads == 1


@pytest.mark.parametrize("outdated", [OUTDATED_ARGON2, OUTDATED_BCRYPT], ids=["argon2", "bcrypt"])
async def test_a_hash_that_may_not_match_does_not(outdated: str) -> None:
    hashing = PasswordHashing()

    assert not await hashing.verify(PASSWORD, HASHED, may_match=False)
    assert not await hashing.verify(PASSWORD, outdated, may_match=False)


async def test_whoever_is_refused_costs_the_same_processor_time() -> None:
    hashing = PasswordHashing(threads=1)
    refused: list[Refused] = [(HASHED, True), (HASHED, False), (None, True), (OUTDATED_ARGON2, True)]
    await hashing.verify("wrong", OUTDATED_ARGON2)

    # What else the machine does can slow down one of them, but hardly the same one again and again.
    attempts = 0
    while await spread_of_costs(hashing, refused) > 1.15:
        attempts += 1
        assert attempts < 10


Refused = tuple[str | None, bool]


async def spread_of_costs(hashing: PasswordHashing, refused: list[Refused]) -> float:
    rounds = [[await cpu_seconds_of(hashing, each) for each in refused] for _ in range(3)]
    medians: list[float] = [statistics.median(costs) for costs in zip(*rounds, strict=True)]
    return max(medians) / min(medians)


async def cpu_seconds_of(hashing: PasswordHashing, refused: Refused) -> float:
    hashed_password, may_match = refused
    password = "wrong horse battery staple" if may_match else PASSWORD
    # Of this process and all of its threads, so that what else the machine does is not counted.
    started_at = time.process_time()
    await hashing.verify(password, hashed_password, may_match=may_match)
    return time.process_time() - started_at


async def test_more_than_threads_and_queue_hold_is_refused_at_once() -> None:
    hashing = PasswordHashing(threads=1, queue_length=2)

    results = await asyncio.gather(*(hashing.verify(PASSWORD, HASHED) for _ in range(5)), return_exceptions=True)

    assert results[:3] == [True, True, True]
    assert [type(result) for result in results[3:]] == [PasswordHashingBusyError] * 2


async def test_places_come_back() -> None:
    hashing = PasswordHashing(threads=1, queue_length=1)

    for _ in range(3):
        assert await asyncio.gather(*(hashing.verify(PASSWORD, HASHED) for _ in range(2))) == [True, True]


async def test_the_place_of_a_client_that_hung_up_comes_back() -> None:
    hashing = PasswordHashing(threads=1, queue_length=1)
    waiting = [asyncio.create_task(hashing.hash(PASSWORD)) for _ in range(2)]
    await asyncio.sleep(0)

    for task in waiting:
        task.cancel()

    # The thread finishes what it is doing, and only then is its place free.
    async with asyncio.timeout(30):
        while not await two_more_fit(hashing):
            pass


async def two_more_fit(hashing: PasswordHashing) -> bool:
    await asyncio.sleep(0.01)
    results = await asyncio.gather(*(hashing.hash(PASSWORD) for _ in range(2)), return_exceptions=True)
    return not any(isinstance(result, PasswordHashingBusyError) for result in results)


async def test_closing_drops_what_waits() -> None:
    hashing = PasswordHashing(threads=1)
    waiting = [asyncio.create_task(hashing.hash(PASSWORD)) for _ in range(20)]
    await asyncio.sleep(0)

    hashing.close()

    results = await asyncio.gather(*waiting, return_exceptions=True)
    assert sum(isinstance(result, asyncio.CancelledError) for result in results) >= 18
