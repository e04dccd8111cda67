"""A hot endpoint logs people in as its route does, by statements that change all or nothing."""

import asyncio
import re
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import urlencode

import asyncpg
import bcrypt
import httpx
import pytest
from fastapi import FastAPI
from starlette.middleware import Middleware
from starlette.types import ASGIApp, Receive, Scope, Send

from auth_service.schemas.users import UserWithToken
from service_chassis.testing.databases import EmptyableDatabase
from service_chassis.testing.metrics import rise_of

NewUser = Callable[..., Awaitable[UserWithToken]]
Logged = Callable[[], list[dict[str, Any]]]
UntilSomebodyWaits = Callable[[], Awaitable[None]]

LOGIN = "/api/v1/auth/login"
EMAIL, PASSWORD = "ada@example.com", "correct horse battery staple"
FORM = {"grant_type": "password", "username": EMAIL, "password": PASSWORD}
FORM_HEADERS = [
    ("Content-Type", "application/x-www-form-urlencoded"),
    ("X-Request-ID", "the-same-for-both"),
    ("User-Agent", "a browser"),
]
# Of two programs, the route alone takes the first.
FOR_THE_ROUTE = [*FORM_HEADERS, ("User-Agent", "another")]
OUTDATED = bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4)).decode()


@pytest.fixture
def asked_of_the_route(app: FastAPI) -> list[str]:
    """Collect which paths the framework is asked for, which nothing hot does."""
    paths: list[str] = []

    def noting(application: ASGIApp) -> ASGIApp:
        async def note(scope: Scope, receive: Receive, send: Send) -> None:
            paths.append(scope["path"])
            await application(scope, receive, send)

        return note

    app.user_middleware.append(Middleware(noting))
    return paths


async def log_in(
    client: httpx.AsyncClient, form: dict[str, str] | str = FORM, *, headers: list[tuple[str, str]] = FORM_HEADERS
) -> httpx.Response:
    content = form if isinstance(form, str) else urlencode(form)
    return await client.post(LOGIN, headers=headers, content=content)


def timeless(headers: httpx.Headers) -> dict[str, str]:
    """Leave out when counting begins anew, which is nearer a second later."""
    return {name: re.sub(r";t=\d+$", "", value) for name, value in headers.items()}


async def rows_of(stored: asyncpg.Connection, user: UserWithToken) -> list[Any]:
    return [
        tuple(row)
        for row in await stored.fetch(
            """
            SELECT sessions.address, sessions.user_agent, sessions.ended_at, used_at, sealed_successor,
                date_trunc('hour', sessions.expires_at - now()) AS lifetime, length(token_hash) AS hash_bytes,
                date_trunc('hour', refresh_tokens.expires_at - now()) AS idle, audit_events.type, audit_events.details,
                audit_events.address, audit_events.user_agent, audit_events.actor_id
            FROM sessions JOIN refresh_tokens ON session_id = sessions.id JOIN audit_events USING (user_id)
            WHERE user_id = $1 AND sessions.user_agent = 'a browser' AND type LIKE 'login.%'
            """,
            user.id,
        )
    ]


async def test_a_login_is_answered_like_by_its_route(
    client: httpx.AsyncClient,
    new_user: NewUser,
    stored: asyncpg.Connection,
    asked_of_the_route: list[str],
    logged: Logged,
) -> None:
    users = [await new_user("ada@example.com"), await new_user("bea@example.com")]
    asked_of_the_route.clear()
    logged()

    with rise_of("tandem_logins_total", outcome="succeeded") as logins:
        hot = await log_in(client)
        assert asked_of_the_route == []
        ordinary = await log_in(client, FORM | {"username": "bea@example.com"}, headers=FOR_THE_ROUTE)

    assert (hot.status_code, ordinary.status_code, logins.by, asked_of_the_route) == (200, 200, 2, [LOGIN])
    assert timeless(hot.headers) == timeless(ordinary.headers)
    assert list(hot.json()) == list(ordinary.json())
    assert await rows_of(stored, users[0]) == await rows_of(stored, users[1]) != []
    lines = logged()
    assert [(line["message"], line["user_id"]) for line in lines] == [
        (message, str(user.id)) for user in users for message in ("login.succeeded", "request")
    ]
    assert [line.keys() for line in lines[:2]] == [line.keys() for line in lines[2:]]
    assert lines[1]["route"] == LOGIN


@pytest.mark.parametrize(
    ("form", "status"),
    [
        pytest.param(FORM | {"password": "wrong horse battery staple"}, 401, id="wrong password"),
        pytest.param(FORM | {"username": "nobody@example.com"}, 401, id="unknown address"),
        pytest.param(FORM | {"username": "no address at all"}, 401, id="no address"),
        pytest.param(FORM | {"grant_type": "another"}, 400, id="another grant"),
        pytest.param("username", 400, id="no form"),
        pytest.param("", 400, id="nothing"),
    ],
)
async def test_what_is_refused_is_refused_like_by_the_route(
    client: httpx.AsyncClient, new_user: NewUser, form: dict[str, str] | str, status: int
) -> None:
    await new_user(EMAIL)

    hot = await log_in(client, form)
    ordinary = await log_in(client, form, headers=FOR_THE_ROUTE)

    assert (hot.status_code, ordinary.status_code) == (status, status)
    assert hot.content == ordinary.content
    one_less = {name: value.replace("r=9", "r=8") for name, value in timeless(hot.headers).items()}
    assert one_less == timeless(ordinary.headers)


async def login_during(
    change: str, *, client: httpx.AsyncClient, database: EmptyableDatabase, until_somebody_waits: UntilSomebodyWaits
) -> httpx.Response:
    """Log in while another transaction has changed the account, which commits when it is waited for."""
    other = await asyncpg.connect(database.url.get_secret_value())
    try:
        async with other.transaction():
            await other.execute(change)
            login = asyncio.create_task(log_in(client))
            await until_somebody_waits()
        return await login
    finally:
        await other.close()


@pytest.mark.parametrize(
    "change",
    [
        pytest.param("UPDATE users SET is_active = false", id="deactivated"),
        pytest.param("UPDATE users SET rights_version = rights_version + 1", id="other rights"),
        pytest.param("UPDATE users SET password_version = password_version + 1", id="another password"),
        pytest.param("DELETE FROM refresh_tokens; DELETE FROM users", id="deleted"),
    ],
)
async def test_a_login_that_waited_for_a_change_judges_by_it_and_changes_nothing(
    client: httpx.AsyncClient,
    new_user: NewUser,
    stored: asyncpg.Connection,
    database: EmptyableDatabase,
    until_somebody_waits: UntilSomebodyWaits,
    change: str,
) -> None:
    await new_user(EMAIL)
    await stored.execute("UPDATE users SET hashed_password = $1", OUTDATED)

    response = await login_during(change, client=client, database=database, until_somebody_waits=until_somebody_waits)

    assert (response.status_code, response.json()["error"]) == (401, "invalid_grant")
    assert await stored.fetchval("SELECT count(*) FROM sessions WHERE user_agent = 'a browser'") == 0
    assert await stored.fetchval("SELECT count(*) FROM refresh_tokens") <= 1
    assert await stored.fetchval("SELECT count(*) FROM users WHERE hashed_password <> $1", OUTDATED) == 0
    types = await stored.fetch("SELECT type FROM audit_events WHERE type LIKE 'login.%'")
    assert [row["type"] for row in types] == ["login.failed"]


async def test_a_login_that_waited_for_what_does_not_concern_it_is_made_whole(
    client: httpx.AsyncClient,
    new_user: NewUser,
    stored: asyncpg.Connection,
    database: EmptyableDatabase,
    until_somebody_waits: UntilSomebodyWaits,
) -> None:
    user = await new_user(EMAIL)
    await stored.execute("UPDATE users SET hashed_password = $1", OUTDATED)

    change = "UPDATE users SET full_name = 'Ada Lovelace'"
    response = await login_during(change, client=client, database=database, until_somebody_waits=until_somebody_waits)

    assert response.status_code == 200
    # The account is newer than what the statement saw when it began, and each of its parts has to find it.
    assert len(await rows_of(stored, user)) == 1
    account = await stored.fetchrow("SELECT full_name, hashed_password FROM users")
    assert account["full_name"] == "Ada Lovelace"
    assert account["hashed_password"].startswith("$argon2id$")


async def test_logins_at_once_all_upgrade_one_outdated_hash(
    client: httpx.AsyncClient, new_user: NewUser, stored: asyncpg.Connection
) -> None:
    user = await new_user(EMAIL)
    await stored.execute("UPDATE users SET hashed_password = $1", OUTDATED)

    responses = await asyncio.gather(*(log_in(client) for _ in range(6)))

    assert [response.status_code for response in responses] == [200] * 6
    assert await stored.fetchval("SELECT count(*) FROM sessions WHERE user_id = $1", user.id) == 1 + 6
    assert (await log_in(client)).status_code == 200
