"""POST /auth/logout."""

from collections.abc import Awaitable, Callable

import asyncpg
import httpx
import pytest

from auth_service.schemas.users import UserWithToken

NewUser = Callable[..., Awaitable[UserWithToken]]


async def log_out(client: httpx.AsyncClient, refresh_token: str) -> httpx.Response:
    return await client.post("/api/v1/auth/logout", json={"refresh_token": refresh_token})


async def get_me(client: httpx.AsyncClient, user: UserWithToken) -> httpx.Response:
    return await client.get("/api/v1/users/me", headers={"Authorization": f"Bearer {user.token.access_token}"})


async def test_logging_out_has_nothing_to_say(client: httpx.AsyncClient, new_user: NewUser) -> None:
    user = await new_user()

    response = await log_out(client, user.token.refresh_token)

    assert (response.status_code, response.content) == (204, b"")


async def test_logging_out_ends_the_access_token_at_once(client: httpx.AsyncClient, new_user: NewUser) -> None:
    user = await new_user()
    assert (await get_me(client, user)).status_code == 200

    await log_out(client, user.token.refresh_token)

    response = await get_me(client, user)
    assert (response.status_code, response.json()["code"]) == (401, "invalid_token")


async def test_logging_out_ends_the_refresh_token(client: httpx.AsyncClient, new_user: NewUser) -> None:
    user = await new_user()

    await log_out(client, user.token.refresh_token)

    response = await client.post("/api/v1/auth/refresh", json={"refresh_token": user.token.refresh_token})
    assert (response.status_code, response.json()["code"]) == (401, "invalid_refresh_token")


async def test_a_rotated_token_still_logs_its_session_out(
    client: httpx.AsyncClient, new_user: NewUser, stored: asyncpg.Connection
) -> None:
    user = await new_user()
    await client.post("/api/v1/auth/refresh", json={"refresh_token": user.token.refresh_token})

    await log_out(client, user.token.refresh_token)

    assert await stored.fetchval("SELECT count(*) FROM sessions WHERE ended_at IS NULL") == 0


async def test_logging_out_twice_is_no_error(
    client: httpx.AsyncClient, new_user: NewUser, stored: asyncpg.Connection
) -> None:
    user = await new_user()
    await log_out(client, user.token.refresh_token)
    ended_at = await stored.fetchval("SELECT ended_at FROM sessions")

    response = await log_out(client, user.token.refresh_token)

    assert response.status_code == 204
    assert await stored.fetchval("SELECT ended_at FROM sessions") == ended_at


async def test_logging_out_leaves_other_sessions_alone(client: httpx.AsyncClient, new_user: NewUser) -> None:
    other = await new_user()
    user = await new_user()

    await log_out(client, user.token.refresh_token)

    assert (await get_me(client, other)).status_code == 200


@pytest.mark.parametrize("garbage", ["A" * 43, "", "not a token", "💥"])
async def test_an_unknown_token_logs_nobody_out(client: httpx.AsyncClient, new_user: NewUser, garbage: str) -> None:
    user = await new_user()

    response = await log_out(client, garbage)

    assert response.status_code == 204
    assert (await get_me(client, user)).status_code == 200


async def test_an_access_token_logs_nobody_out(client: httpx.AsyncClient, new_user: NewUser) -> None:
    user = await new_user()

    response = await log_out(client, user.token.access_token)

    assert response.status_code == 422
    assert (await get_me(client, user)).status_code == 200
