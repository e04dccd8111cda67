"""Changing one's own password: PUT /users/me/password."""

from collections.abc import Awaitable, Callable

import asyncpg
import httpx
import pytest
from fastapi import FastAPI

from auth_service.core.security import PasswordHashing
from auth_service.schemas.tokens import TokenPair
from auth_service.schemas.users import UserWithToken
from service_chassis.testing.clients import running_client

EMAIL = "ada@example.com"
OLD = "correct horse battery staple"
NEW = "correct battery horse staple"
NewUser = Callable[..., Awaitable[UserWithToken]]


def authorization(token: TokenPair) -> dict[str, str]:
    return {"Authorization": f"Bearer {token.access_token}"}


async def change(client: httpx.AsyncClient, token: TokenPair, *, current: str = OLD, new: str = NEW) -> httpx.Response:
    body = {"current_password": current, "new_password": new}
    return await client.put("/api/v1/users/me/password", json=body, headers=authorization(token))


async def log_in(client: httpx.AsyncClient, password: str = OLD) -> httpx.Response:
    return await client.post("/api/v1/auth/login", data={"username": EMAIL, "password": password})


async def statuses(client: httpx.AsyncClient, token: TokenPair) -> tuple[int, int]:
    """Return what a session's access token and its refresh token are answered with."""
    me = await client.get("/api/v1/users/me", headers=authorization(token))
    refreshed = await client.post("/api/v1/auth/refresh", json={"refresh_token": token.refresh_token})
    return me.status_code, refreshed.status_code


async def test_after_a_change_the_new_password_logs_in_and_the_old_one_does_not(
    client: httpx.AsyncClient, new_user: NewUser
) -> None:
    user = await new_user(EMAIL)

    response = await change(client, user.token)

    assert (response.status_code, response.content) == (204, b"")
    assert ((await log_in(client, NEW)).status_code, (await log_in(client, OLD)).status_code) == (200, 401)


async def test_a_change_ends_every_other_session_at_once_and_keeps_its_own(
    client: httpx.AsyncClient, new_user: NewUser
) -> None:
    user = await new_user(EMAIL)
    other = TokenPair.model_validate_json((await log_in(client)).content)

    await change(client, user.token)

    assert await statuses(client, other) == (401, 401)
    assert await statuses(client, user.token) == (200, 200)


async def test_a_change_is_told_to_other_services_as_the_ends_of_the_other_sessions(
    client: httpx.AsyncClient, new_user: NewUser, stored: asyncpg.Connection
) -> None:
    user = await new_user(EMAIL)
    await log_in(client)

    await change(client, user.token)

    ended = await stored.fetchval("SELECT id FROM sessions WHERE ended_at IS NOT NULL")
    rows = await stored.fetch("SELECT type, subject FROM outbox_events")
    assert [(row["type"], row["subject"]) for row in rows] == [("session.revoked", str(ended))]


async def test_a_change_is_audited(client: httpx.AsyncClient, new_user: NewUser, stored: asyncpg.Connection) -> None:
    user = await new_user(EMAIL)

    await change(client, user.token)

    assert await stored.fetchval("SELECT user_id FROM audit_events WHERE type = 'password.changed'") == user.id


@pytest.mark.parametrize(
    "current", ["wrong horse battery staple", "", OLD + "\0", OLD.title(), "x" * 5000, pytest.param(NEW, id="the new")]
)
async def test_who_does_not_know_the_current_password_changes_nothing_and_stays_logged_in(
    client: httpx.AsyncClient, new_user: NewUser, stored: asyncpg.Connection, current: str
) -> None:
    user = await new_user(EMAIL)
    await log_in(client)
    before = await stored.fetch("SELECT * FROM users"), await stored.fetch("SELECT id, ended_at FROM sessions")

    response = await change(client, user.token, current=current)

    assert (response.status_code, response.json()["code"]) == (403, "wrong_password")
    assert "WWW-Authenticate" not in response.headers
    assert (
        await stored.fetch("SELECT * FROM users"),
        await stored.fetch("SELECT id, ended_at FROM sessions"),
    ) == before


async def test_a_wrong_current_password_stays_on_record_although_the_request_is_refused(
    client: httpx.AsyncClient, new_user: NewUser, stored: asyncpg.Connection
) -> None:
    user = await new_user(EMAIL)

    await change(client, user.token, current="wrong horse battery staple")

    assert await stored.fetchval("SELECT user_id FROM audit_events WHERE type = 'password.change_failed'") == user.id


async def test_a_garbage_hash_is_a_wrong_password(
    client: httpx.AsyncClient, new_user: NewUser, stored: asyncpg.Connection
) -> None:
    user = await new_user(EMAIL)
    await stored.execute("UPDATE users SET hashed_password = 'garbage'")

    response = await change(client, user.token)

    assert (response.status_code, response.json()["code"]) == (403, "wrong_password")


@pytest.mark.parametrize("new", ["password1", "Ada@Example.com"])
async def test_a_password_that_is_tried_first_is_refused(
    client: httpx.AsyncClient, new_user: NewUser, new: str
) -> None:
    user = await new_user(EMAIL)

    response = await change(client, user.token, new=new)

    assert (response.status_code, response.json()["code"]) == (422, "password_too_common")
    assert (await log_in(client, OLD)).status_code == 200


@pytest.mark.parametrize(
    ("body", "pointers"),
    [
        ({"new_password": NEW}, {"/current_password"}),
        ({"current_password": OLD}, {"/new_password"}),
        ({"current_password": OLD, "new_password": "pw-4711"}, {"/new_password"}),
        (
            {"current_password": 4711, "new_password": NEW, "hashed_password": "4711"},
            {"/current_password", "/hashed_password"},
        ),
    ],
)
async def test_a_body_of_another_form_is_refused_without_repeating_it(
    client: httpx.AsyncClient, new_user: NewUser, body: dict[str, object], pointers: set[str]
) -> None:
    user = await new_user(EMAIL)

    response = await client.put("/api/v1/users/me/password", json=body, headers=authorization(user.token))

    assert response.status_code == 422
    assert {error["pointer"] for error in response.json()["errors"]} == pointers
    assert not any(word in response.text for word in ("4711", OLD, NEW))


async def test_guessing_the_current_password_counts_as_guessing_at_the_login(
    new_app: Callable[..., FastAPI], new_user: NewUser
) -> None:
    user = await new_user(EMAIL)
    async with running_client(new_app(login_limit_per_account="3 per hour")) as client:
        wrong = [await change(client, user.token, current=f"wrong password {number}") for number in range(3)]
        refused = await change(client, user.token)
        login = await log_in(client)

    assert [response.status_code for response in [*wrong, refused, login]] == [403, 403, 403, 429, 429]
    assert refused.json()["code"] == "too_many_attempts"


async def test_whoever_changes_the_password_has_all_attempts_again(
    new_app: Callable[..., FastAPI], new_user: NewUser
) -> None:
    user = await new_user(EMAIL)
    async with running_client(new_app(login_limit_per_account="3 per hour")) as client:
        await change(client, user.token, current="wrong horse battery staple")
        await change(client, user.token)
        logins = [await log_in(client, "wrong horse battery staple") for _ in range(3)]

    assert [response.status_code for response in logins] == [401] * 3


async def test_more_changes_than_can_be_hashed_are_sent_away(
    app: FastAPI, client: httpx.AsyncClient, new_user: NewUser
) -> None:
    user = await new_user(EMAIL)
    app.state.resources.password_hashing = PasswordHashing(threads=1, queue_length=-1)

    response = await change(client, user.token)

    assert (response.status_code, response.json()["code"]) == (503, "password_hashing_busy")
