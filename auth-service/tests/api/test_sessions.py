"""One's own sessions: GET and DELETE /auth/sessions."""

from collections.abc import Awaitable, Callable
from typing import Any
from uuid import uuid4

import asyncpg
import httpx
import pytest

from auth_service.schemas.tokens import TokenPair
from auth_service.schemas.users import UserWithToken

SESSIONS = "/api/v1/auth/sessions"
EMAIL = "ada@example.com"
PASSWORD = "correct horse battery staple"
NewUser = Callable[..., Awaitable[UserWithToken]]


async def log_in(client: httpx.AsyncClient, *, user_agent: str = "test") -> TokenPair:
    form = {"username": EMAIL, "password": PASSWORD}
    response = await client.post("/api/v1/auth/login", data=form, headers={"User-Agent": user_agent})
    return TokenPair.model_validate_json(response.content)


def authorization(token: TokenPair) -> dict[str, str]:
    return {"Authorization": f"Bearer {token.access_token}"}


async def list_sessions(client: httpx.AsyncClient, token: TokenPair) -> list[dict[str, Any]]:
    response = await client.get(SESSIONS, headers=authorization(token))
    assert response.status_code == 200, response.text
    sessions: list[dict[str, Any]] = response.json()["items"]
    return sessions


async def current_id(client: httpx.AsyncClient, token: TokenPair) -> str:
    [session_id] = [session["id"] for session in await list_sessions(client, token) if session["current"]]
    return str(session_id)


async def is_live(client: httpx.AsyncClient, token: TokenPair) -> bool:
    """Whether a session's tokens work; both of them or none."""
    me = await client.get("/api/v1/users/me", headers=authorization(token))
    refreshed = await client.post("/api/v1/auth/refresh", json={"refresh_token": token.refresh_token})
    assert (me.status_code, refreshed.status_code) in {(200, 200), (401, 401)}
    return me.status_code == 200


async def test_a_session_is_shown_with_its_device_and_its_times(client: httpx.AsyncClient, new_user: NewUser) -> None:
    await new_user(EMAIL)
    token = await log_in(client, user_agent="Analytical Engine")

    session = (await list_sessions(client, token))[0]

    assert set(session) == {"id", "user_agent", "address", "created_at", "last_used_at", "expires_at", "current"}
    assert (session["user_agent"], session["address"]) == ("Analytical Engine", "127.0.0.1")
    assert session["created_at"] <= session["last_used_at"] < session["expires_at"]


async def test_the_session_of_the_token_is_the_current_one(client: httpx.AsyncClient, new_user: NewUser) -> None:
    user = await new_user(EMAIL)
    token = await log_in(client)

    sessions = await list_sessions(client, token)

    assert [session["current"] for session in sessions] == [True, False]
    assert await current_id(client, user.token) == sessions[1]["id"]


async def test_the_session_that_was_used_last_comes_first(client: httpx.AsyncClient, new_user: NewUser) -> None:
    user = await new_user(EMAIL)
    later = await log_in(client)

    await client.post("/api/v1/auth/refresh", json={"refresh_token": user.token.refresh_token})

    assert [session["current"] for session in await list_sessions(client, later)] == [False, True]


@pytest.mark.parametrize("change", ["ended_at = now()", "expires_at = now()"])
async def test_a_session_that_is_over_is_not_shown(
    client: httpx.AsyncClient, new_user: NewUser, stored: asyncpg.Connection, change: str
) -> None:
    await new_user(EMAIL)
    await stored.execute(f"UPDATE sessions SET {change}")
    token = await log_in(client)

    sessions = await list_sessions(client, token)

    assert [session["current"] for session in sessions] == [True]


async def test_nobody_sees_another_persons_sessions(client: httpx.AsyncClient, new_user: NewUser) -> None:
    await new_user()
    user = await new_user()

    assert len(await list_sessions(client, user.token)) == 1


async def test_a_list_of_sessions_has_an_end(
    client: httpx.AsyncClient, new_user: NewUser, stored: asyncpg.Connection
) -> None:
    user = await new_user()
    await stored.execute(
        "INSERT INTO sessions (id, user_id, expires_at) SELECT gen_random_uuid(), $1, 'infinity'"
        " FROM generate_series(1, 100)",
        user.id,
    )

    assert len(await list_sessions(client, user.token)) == 100


async def test_a_session_can_be_ended_from_another(client: httpx.AsyncClient, new_user: NewUser) -> None:
    lost, kept = (await new_user(EMAIL)).token, await log_in(client)

    response = await client.delete(f"{SESSIONS}/{await current_id(client, lost)}", headers=authorization(kept))

    assert (response.status_code, response.content) == (204, b"")
    assert (await is_live(client, lost), await is_live(client, kept)) == (False, True)


async def test_a_session_can_end_itself(client: httpx.AsyncClient, new_user: NewUser) -> None:
    token = (await new_user()).token

    response = await client.delete(f"{SESSIONS}/{await current_id(client, token)}", headers=authorization(token))

    assert response.status_code == 204
    assert not await is_live(client, token)


async def test_another_persons_session_looks_like_none_and_goes_on(
    client: httpx.AsyncClient, new_user: NewUser
) -> None:
    other, user = await new_user(), await new_user()
    foreign_id = await current_id(client, other.token)

    foreign = await client.delete(f"{SESSIONS}/{foreign_id}", headers=authorization(user.token))
    unknown = await client.delete(f"{SESSIONS}/{uuid4()}", headers=authorization(user.token))

    assert [response.status_code for response in (foreign, unknown)] == [404, 404]
    assert {response.json()["code"] for response in (foreign, unknown)} == {"session_not_found"}
    assert await is_live(client, other.token)


async def test_a_session_that_has_ended_is_not_found_again(client: httpx.AsyncClient, new_user: NewUser) -> None:
    lost, kept = (await new_user(EMAIL)).token, await log_in(client)
    ended = f"{SESSIONS}/{await current_id(client, lost)}"
    await client.delete(ended, headers=authorization(kept))

    response = await client.delete(ended, headers=authorization(kept))

    assert response.status_code == 404


async def test_all_sessions_can_be_ended_at_once(client: httpx.AsyncClient, new_user: NewUser) -> None:
    other = (await new_user()).token
    tokens = [(await new_user(EMAIL)).token, await log_in(client), await log_in(client)]

    response = await client.delete(SESSIONS, headers=authorization(tokens[1]))

    assert (response.status_code, response.content) == (204, b"")
    assert [await is_live(client, token) for token in tokens] == [False, False, False]
    assert await is_live(client, other)


async def test_all_other_sessions_can_be_ended_at_once(client: httpx.AsyncClient, new_user: NewUser) -> None:
    tokens = [(await new_user(EMAIL)).token, await log_in(client), await log_in(client)]

    response = await client.delete(SESSIONS, params={"keep_current": True}, headers=authorization(tokens[1]))

    assert response.status_code == 204
    assert [await is_live(client, token) for token in tokens] == [False, True, False]


@pytest.mark.parametrize("parameters", [{"keep_curent": "true"}, {"keep_current": "perhaps"}])
async def test_a_misspelt_parameter_ends_nothing(
    client: httpx.AsyncClient, new_user: NewUser, parameters: dict[str, str]
) -> None:
    token = (await new_user()).token

    response = await client.delete(SESSIONS, params=parameters, headers=authorization(token))

    assert response.status_code == 422
    assert await is_live(client, token)


async def test_each_end_is_told_to_other_services_once(
    client: httpx.AsyncClient, new_user: NewUser, stored: asyncpg.Connection
) -> None:
    user = await new_user(EMAIL)
    ids = {await current_id(client, token) for token in (user.token, await log_in(client), await log_in(client))}
    await client.delete(SESSIONS, params={"keep_current": True}, headers=authorization(user.token))

    await client.delete(SESSIONS, headers=authorization(user.token))

    rows = await stored.fetch("SELECT subject, data FROM outbox_events WHERE type = 'session.revoked'")
    assert sorted(row["subject"] for row in rows) == sorted(ids)
    assert {row["data"] for row in rows} == {f'{{"user_id": "{user.id}"}}'}


async def test_each_end_is_audited(client: httpx.AsyncClient, new_user: NewUser, stored: asyncpg.Connection) -> None:
    user = await new_user(EMAIL)
    await log_in(client)

    await client.delete(SESSIONS, headers=authorization(user.token))

    rows = await stored.fetch("SELECT user_id, details FROM audit_events WHERE type = 'session.ended'")
    assert [row["user_id"] for row in rows] == [user.id] * 2
    assert len({row["details"] for row in rows}) == 2


async def test_hundreds_of_ends_at_once_are_each_told_and_audited(
    client: httpx.AsyncClient, new_user: NewUser, stored: asyncpg.Connection
) -> None:
    user = await new_user()
    await stored.execute(
        "INSERT INTO sessions (id, user_id, expires_at) SELECT gen_random_uuid(), $1, 'infinity'"
        " FROM generate_series(1, 500)",
        user.id,
    )

    await client.delete(SESSIONS, headers=authorization(user.token))

    assert await stored.fetchval("SELECT count(*) FROM outbox_events WHERE type = 'session.revoked'") == 501
    assert await stored.fetchval("SELECT count(*) FROM audit_events WHERE type = 'session.ended'") == 501
