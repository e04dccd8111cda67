"""POST /auth/login and /auth/register: the same work is done, whoever is refused and why."""

from collections.abc import Awaitable, Callable
from typing import Any

import argon2
import asyncpg
import bcrypt
import httpx
import pytest
from passlib.context import CryptContext

from auth_service.core.security import PASSWORD_CONTEXT
from auth_service.schemas.users import UserWithToken

PASSWORD = "correct horse battery staple"
WRONG = "wrong horse battery staple"
OF_TODAY = "$argon2id$v=19$m=7168,t=5,p=1$"
HASHES = {
    "cheaper": argon2.PasswordHasher(time_cost=1, memory_cost=64, parallelism=1).hash(PASSWORD),
    "dearer": argon2.PasswordHasher(time_cost=2, memory_cost=19456, parallelism=1).hash(PASSWORD),
    "bcrypt": bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(5, b"2a")).decode(),
    "bcrypt-again": bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(5, b"2b")).decode(),
    "garbage": "garbage",
}

NewUser = Callable[..., Awaitable[UserWithToken]]


@pytest.fixture
def password_context() -> CryptContext:
    return PASSWORD_CONTEXT


@pytest.fixture
def computed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Write down the parameters of every hash that the libraries compute."""
    parameters: list[str] = []
    verify_argon2, hash_bcrypt = argon2.low_level.verify_secret, bcrypt.hashpw

    def verify_secret(hashed: bytes, *arguments: Any) -> bool:
        parameters.append(hashed.decode().rpartition("$")[0].rpartition("$")[0] + "$")
        return verify_argon2(hashed, *arguments)

    def hashpw(secret: bytes, salt: bytes) -> bytes:
        hashed = hash_bcrypt(secret, salt)
        parameters.append(f"bcrypt {salt[4:6].decode()}")
        return hashed

    monkeypatch.setattr(argon2.low_level, "verify_secret", verify_secret)
    monkeypatch.setattr(bcrypt, "hashpw", hashpw)
    return parameters


async def log_in(client: httpx.AsyncClient, name: str, *, password: str) -> None:
    form = {"username": f"{name}@example.com", "password": password}
    response = await client.post("/api/v1/auth/login", data=form)
    assert response.status_code == 401


@pytest.fixture
async def accounts(client: httpx.AsyncClient, new_user: NewUser, stored: asyncpg.Connection) -> None:
    """Make an account of today, a disabled one, and one for each kind of older hash; each kind was met once."""
    await new_user("today@example.com")
    for name, hashed_password in {"disabled": None, "disabled-bcrypt": HASHES["bcrypt"], **HASHES}.items():
        await stored.execute(
            """
            INSERT INTO users (id, email, hashed_password, is_active)
            SELECT gen_random_uuid(), $1 || '@example.com', coalesce($2, hashed_password), $1 NOT LIKE 'disabled%'
            FROM users WHERE email = 'today@example.com'
            """,
            name,
            hashed_password,
        )
    for name in HASHES:
        await log_in(client, name, password=WRONG)


@pytest.mark.usefixtures("accounts")
async def test_every_refusal_computes_the_same_hashes(client: httpx.AsyncClient, computed: list[str]) -> None:
    attempts = [
        ("nobody", WRONG),
        ("today", WRONG),
        ("today", ""),
        ("nobody", ""),
        ("disabled", PASSWORD),
        ("disabled", WRONG),
        ("disabled-bcrypt", PASSWORD),
        *((name, WRONG) for name in HASHES),
    ]

    works = {}
    for name, password in attempts:
        computed.clear()
        await log_in(client, name, password=password)
        works[name, password] = sorted(computed)

    expected = [OF_TODAY, "$argon2id$v=19$m=19456,t=2,p=1$", "$argon2id$v=19$m=64,t=1,p=1$", "bcrypt 05"]
    assert works == dict.fromkeys(attempts, sorted(expected))


@pytest.mark.usefixtures("accounts")
@pytest.mark.parametrize("password", ["x" * 73, "with\0NUL"])
async def test_a_password_that_bcrypt_refuses_tells_nobody_which_accounts_have_such_a_hash(
    client: httpx.AsyncClient, computed: list[str], password: str
) -> None:
    works = []
    for name in ("nobody", "today", "bcrypt"):
        computed.clear()
        await log_in(client, name, password=password)
        works.append(sorted(computed))

    assert works[1:] == works[:1] * 2


async def test_while_every_hash_is_of_today_a_refusal_computes_one(
    client: httpx.AsyncClient, new_user: NewUser, computed: list[str]
) -> None:
    await new_user("today@example.com")

    await log_in(client, "today", password=WRONG)
    await log_in(client, "nobody", password=WRONG)

    assert computed == [OF_TODAY] * 2


async def test_registering_hashes_the_password_whoever_has_the_address(
    mailing_client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    costs = []
    hash_argon2 = argon2.low_level.hash_secret

    def hash_secret(**parameters: Any) -> bytes:
        costs.append((parameters["memory_cost"], parameters["time_cost"]))
        return hash_argon2(**parameters)

    monkeypatch.setattr(argon2.low_level, "hash_secret", hash_secret)

    for _ in range(2):
        await mailing_client.post("/api/v1/auth/register", json={"email": "ada@example.com", "password": PASSWORD})

    assert costs == [(7 * 1024, 5)] * 2
