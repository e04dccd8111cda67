"""POST /auth/login: who gets in."""

from collections.abc import Awaitable, Callable

import argon2
import asyncpg
import bcrypt
import httpx
import pytest

from auth_service.core.security import PASSWORD_CONTEXT
from auth_service.schemas.users import UserWithToken

EMAIL = "ada@example.com"
PASSWORD = "correct horse battery staple"
REFUSAL = {"error": "invalid_grant", "error_description": "The e-mail address or the password is wrong."}

NewUser = Callable[..., Awaitable[UserWithToken]]


async def log_in(client: httpx.AsyncClient, *, username: str = EMAIL, password: str = PASSWORD) -> httpx.Response:
    form = {"grant_type": "password", "username": username, "password": password}
    return await client.post("/api/v1/auth/login", data=form)


def assert_refused_like_everybody(response: httpx.Response) -> None:
    assert (response.status_code, response.json()) == (401, REFUSAL)
    assert response.headers["WWW-Authenticate"] == "Bearer"
    assert response.headers["Cache-Control"] == "no-store"


async def test_logging_in_gives_tokens(client: httpx.AsyncClient, new_user: NewUser) -> None:
    await new_user(EMAIL)

    response = await log_in(client)

    assert response.status_code == 200
    assert response.json() == {
        "access_token": response.json()["access_token"],
        "refresh_token": response.json()["refresh_token"],
        "token_type": "bearer",
        "expires_in": 900,
        "scope": "items:read items:write users:me",
    }
    assert response.headers["Cache-Control"] == "no-store"


async def test_the_access_token_is_for_ones_own_account(client: httpx.AsyncClient, new_user: NewUser) -> None:
    await new_user("other@example.com")
    user = await new_user(EMAIL)

    access_token = (await log_in(client)).json()["access_token"]

    me = await client.get("/api/v1/users/me", headers={"Authorization": f"Bearer {access_token}"})
    assert me.json()["id"] == str(user.id)


async def test_each_login_begins_a_session(
    client: httpx.AsyncClient, new_user: NewUser, stored: asyncpg.Connection
) -> None:
    user = await new_user(EMAIL)

    await log_in(client)
    await log_in(client)

    assert await stored.fetchval("SELECT count(*) FROM sessions WHERE user_id = $1", user.id) == 3


async def test_every_refusal_looks_the_same(client: httpx.AsyncClient, new_user: NewUser) -> None:
    await new_user(EMAIL)

    responses = {
        "unknown address": await log_in(client, username="nobody@example.com"),
        "no address": await log_in(client, username="no address at all"),
        "empty address": await log_in(client, username=""),
        "wrong password": await log_in(client, password="wrong horse battery staple"),
        "empty password": await log_in(client, password=""),
        "over-long password": await log_in(client, password="x" * 4097),
        "unknown address and empty password": await log_in(client, username="nobody@example.com", password=""),
    }

    for response in responses.values():
        assert_refused_like_everybody(response)
    headers = {name: set(response.headers) for name, response in responses.items()}
    assert set(map(frozenset, headers.values())) == {frozenset(headers["wrong password"])}


async def test_an_inactive_account_is_refused_like_everybody(
    client: httpx.AsyncClient, new_user: NewUser, stored: asyncpg.Connection
) -> None:
    await new_user(EMAIL)
    await stored.execute("UPDATE users SET is_active = false")

    response = await log_in(client)

    assert_refused_like_everybody(response)


@pytest.mark.parametrize("garbage", ["", "garbage", "$argon2id$v=19$m=1,t=2,p=1$YQ$YQ"])
async def test_a_garbage_hash_is_refused_like_everybody_and_audited(
    client: httpx.AsyncClient, new_user: NewUser, stored: asyncpg.Connection, garbage: str
) -> None:
    await new_user(EMAIL)
    await stored.execute("UPDATE users SET hashed_password = $1", garbage)

    response = await log_in(client)

    assert_refused_like_everybody(response)
    assert await stored.fetchval("SELECT count(*) FROM audit_events WHERE type = 'login.failed'") == 1


async def test_a_refused_login_begins_no_session(
    client: httpx.AsyncClient, new_user: NewUser, stored: asyncpg.Connection
) -> None:
    await new_user(EMAIL)

    await log_in(client, password="wrong horse battery staple")

    assert await stored.fetchval("SELECT count(*) FROM sessions") == 1


@pytest.mark.parametrize(
    "spelling",
    [
        pytest.param("ADé@Example.COM", id="case"),
        pytest.param("ａｄé＠ｅｘａｍｐｌｅ．ｃｏｍ", id="full width"),  # the claim is about such letters
        pytest.param("adé@example.com.", id="trailing dot"),
        pytest.param("ade\u0301@example.com", id="decomposed"),
    ],
)
async def test_any_spelling_of_an_address_logs_in(client: httpx.AsyncClient, new_user: NewUser, spelling: str) -> None:
    await new_user("Adé@example.com")

    response = await log_in(client, username=spelling)

    assert response.status_code == 200


@pytest.mark.parametrize(
    ("password", "other"),
    [
        pytest.param("x" * 72 + "a", "x" * 72 + "b", id="72 bytes shared"),
        pytest.param("mot de passe\0a", "mot de passe\0b", id="different after a NUL"),
        pytest.param("mot de passe", "mot de passe\0", id="NUL at the end"),
        pytest.param("mot de passe", "mot de passe ", id="space at the end"),
        pytest.param("mot de passe", "Mot de passe", id="case"),
    ],
)
async def test_passwords_differ_in_every_byte(
    client: httpx.AsyncClient, new_user: NewUser, password: str, other: str
) -> None:
    await new_user(EMAIL, password)

    right, wrong = await log_in(client, password=password), await log_in(client, password=other)

    assert (right.status_code, wrong.status_code) == (200, 401)


@pytest.mark.parametrize(
    ("registered", "typed"),
    [
        pytest.param("p\u00e4ssw\u00f6rd", "pa\u0308sswo\u0308rd", id="decomposed later"),
        pytest.param("pa\u0308sswo\u0308rd", "p\u00e4ssw\u00f6rd", id="composed later"),
        pytest.param("é" * 2048, "e\u0301" * 2048, id="of 4096 bytes"),
    ],
)
async def test_a_password_is_the_same_however_it_is_composed(
    client: httpx.AsyncClient, new_user: NewUser, registered: str, typed: str
) -> None:
    await new_user(EMAIL, registered)

    response = await log_in(client, password=typed)

    assert response.status_code == 200


@pytest.mark.parametrize("password_context", [PASSWORD_CONTEXT], ids=["as served"])
@pytest.mark.parametrize(
    "outdated",
    [
        pytest.param(bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4)).decode(), id="bcrypt"),
        pytest.param(argon2.PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(PASSWORD), id="cheap"),
        pytest.param(
            argon2.PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1).hash(PASSWORD), id="more memory"
        ),
    ],
)
async def test_an_outdated_hash_logs_in_and_is_upgraded(
    client: httpx.AsyncClient, new_user: NewUser, stored: asyncpg.Connection, outdated: str
) -> None:
    await new_user(EMAIL)
    await stored.execute("UPDATE users SET hashed_password = $1", outdated)

    first, second = await log_in(client), await log_in(client)

    assert (first.status_code, second.status_code) == (200, 200)
    upgraded = await stored.fetchval("SELECT hashed_password FROM users")
    assert upgraded.startswith("$argon2id$v=19$m=7168,t=5,p=1$")


async def test_a_wrong_password_upgrades_no_hash(
    client: httpx.AsyncClient, new_user: NewUser, stored: asyncpg.Connection
) -> None:
    outdated = bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4)).decode()
    await new_user(EMAIL)
    await stored.execute("UPDATE users SET hashed_password = $1", outdated)

    await log_in(client, password="wrong horse battery staple")

    assert await stored.fetchval("SELECT hashed_password FROM users") == outdated


async def test_a_hash_of_today_is_left_as_it_is(
    client: httpx.AsyncClient, new_user: NewUser, stored: asyncpg.Connection
) -> None:
    await new_user(EMAIL)
    hashed_password = await stored.fetchval("SELECT hashed_password FROM users")

    await log_in(client)

    assert await stored.fetchval("SELECT hashed_password FROM users") == hashed_password
