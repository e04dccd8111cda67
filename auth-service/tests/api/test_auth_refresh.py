"""POST /auth/refresh: rotation, and what ends a session."""

import asyncio
from collections.abc import Awaitable, Callable

import asyncpg
import httpx
import pytest
from fastapi import FastAPI

from auth_service.core.security import hash_refresh_token
from auth_service.schemas.users import UserWithToken
from service_chassis.testing.clients import running_client

NewUser = Callable[..., Awaitable[UserWithToken]]

LIVE_SESSIONS = "SELECT count(*) FROM sessions WHERE ended_at IS NULL"
END_OF_THE_GRACE = "UPDATE refresh_tokens SET used_at = used_at - interval '11 seconds' WHERE used_at IS NOT NULL"


async def refresh(client: httpx.AsyncClient, refresh_token: str) -> httpx.Response:
    return await client.post("/api/v1/auth/refresh", json={"refresh_token": refresh_token})


async def successor_of(client: httpx.AsyncClient, refresh_token: str) -> str:
    response = await refresh(client, refresh_token)
    assert response.status_code == 200, response.text
    return str(response.json()["refresh_token"])


def assert_refused(response: httpx.Response) -> None:
    assert (response.status_code, response.json()["code"]) == (401, "invalid_refresh_token")


async def test_a_refresh_token_is_exchanged_for_a_new_pair(client: httpx.AsyncClient, new_user: NewUser) -> None:
    user = await new_user()

    response = await refresh(client, user.token.refresh_token)

    pair = response.json()
    assert pair["refresh_token"] != user.token.refresh_token
    assert (pair["token_type"], pair["expires_in"], pair["scope"]) == ("bearer", 900, user.token.scope)
    me = await client.get("/api/v1/users/me", headers={"Authorization": f"Bearer {pair['access_token']}"})
    assert me.json()["id"] == str(user.id)


async def test_a_refreshed_session_is_the_same_session(
    client: httpx.AsyncClient, new_user: NewUser, stored: asyncpg.Connection
) -> None:
    user = await new_user()

    await refresh(client, user.token.refresh_token)

    assert await stored.fetchval("SELECT count(*) FROM sessions") == 1
    assert await stored.fetchval("SELECT count(DISTINCT session_id) FROM refresh_tokens") == 1


async def test_parallel_refreshes_leave_one_lineage(
    new_app: Callable[..., FastAPI], new_user: NewUser, stored: asyncpg.Connection
) -> None:
    user = await new_user()

    # Each of them opens a connection of its own, and a busy machine opens 20 at once later than requests may wait.
    async with running_client(new_app(database_pool_size=8)) as client:
        responses = await asyncio.gather(*(refresh(client, user.token.refresh_token) for _ in range(8)))

    assert [response.status_code for response in responses] == [200] * 8
    [successor] = {response.json()["refresh_token"] for response in responses}
    rows = await stored.fetch("SELECT token_hash, used_at IS NOT NULL AS used FROM refresh_tokens ORDER BY id")
    assert [(row["token_hash"], row["used"]) for row in rows] == [
        (hash_refresh_token(user.token.refresh_token), True),
        (hash_refresh_token(successor), False),
    ]
    assert await stored.fetchval(LIVE_SESSIONS) == 1


async def test_parallel_refreshes_at_two_replicas_leave_one_lineage(
    client: httpx.AsyncClient, new_app: Callable[..., FastAPI], new_user: NewUser, stored: asyncpg.Connection
) -> None:
    user = await new_user()

    async with running_client(new_app()) as other:
        clients = [client, other] * 3
        responses = await asyncio.gather(*(refresh(replica, user.token.refresh_token) for replica in clients))

    assert len({response.json()["refresh_token"] for response in responses}) == 1
    assert await stored.fetchval("SELECT count(*) FROM refresh_tokens") == 2


async def test_a_lost_answer_can_be_repeated(client: httpx.AsyncClient, new_user: NewUser) -> None:
    user = await new_user()
    lost = await successor_of(client, user.token.refresh_token)

    repeated = await successor_of(client, user.token.refresh_token)

    assert repeated == lost


async def test_a_repeated_answer_is_of_use_until_it_is_used(client: httpx.AsyncClient, new_user: NewUser) -> None:
    user = await new_user()
    await successor_of(client, user.token.refresh_token)
    repeated = await successor_of(client, user.token.refresh_token)

    response = await refresh(client, repeated)

    assert response.status_code == 200


async def test_reuse_after_the_grace_is_refused(
    client: httpx.AsyncClient, new_user: NewUser, stored: asyncpg.Connection
) -> None:
    user = await new_user()
    await refresh(client, user.token.refresh_token)
    await stored.execute(END_OF_THE_GRACE)

    response = await refresh(client, user.token.refresh_token)

    assert_refused(response)


async def test_reuse_ends_the_session_in_the_database_although_the_request_fails(
    client: httpx.AsyncClient, new_user: NewUser, stored: asyncpg.Connection
) -> None:
    user = await new_user()
    await refresh(client, user.token.refresh_token)
    await stored.execute(END_OF_THE_GRACE)

    await refresh(client, user.token.refresh_token)

    assert await stored.fetchval(LIVE_SESSIONS) == 0


async def test_reuse_ends_every_token_of_the_session(
    client: httpx.AsyncClient, new_user: NewUser, stored: asyncpg.Connection
) -> None:
    user = await new_user()
    pair = (await refresh(client, user.token.refresh_token)).json()
    await stored.execute(END_OF_THE_GRACE)

    await refresh(client, user.token.refresh_token)

    assert_refused(await refresh(client, pair["refresh_token"]))
    me = await client.get("/api/v1/users/me", headers={"Authorization": f"Bearer {pair['access_token']}"})
    assert (me.status_code, me.json()["code"]) == (401, "invalid_token")


async def test_reuse_leaves_other_sessions_alone(
    client: httpx.AsyncClient, new_user: NewUser, stored: asyncpg.Connection
) -> None:
    other = await new_user()
    user = await new_user()
    await refresh(client, user.token.refresh_token)
    await stored.execute(END_OF_THE_GRACE)

    await refresh(client, user.token.refresh_token)

    assert (await refresh(client, other.token.refresh_token)).status_code == 200


@pytest.mark.parametrize(
    "garbage",
    [
        pytest.param("A" * 43, id="of the right length"),
        pytest.param("", id="empty"),
        pytest.param("not a token", id="text"),
        pytest.param("\0" * 43, id="NUL"),
        pytest.param("💥", id="beyond ASCII"),
    ],
)
async def test_an_unknown_token_is_refused_and_ends_nothing(
    client: httpx.AsyncClient, new_user: NewUser, stored: asyncpg.Connection, garbage: str
) -> None:
    await new_user()

    response = await refresh(client, garbage)

    assert_refused(response)
    assert await stored.fetchval(LIVE_SESSIONS) == 1


async def test_an_altered_token_is_unknown(
    client: httpx.AsyncClient, new_user: NewUser, stored: asyncpg.Connection
) -> None:
    user = await new_user()
    token = user.token.refresh_token

    for altered in (token + "=", token[:-1], token.swapcase(), " " + token):
        assert_refused(await refresh(client, altered))

    assert await stored.fetchval("SELECT count(*) FROM refresh_tokens WHERE used_at IS NULL") == 1
    assert await stored.fetchval(LIVE_SESSIONS) == 1


async def test_an_access_token_is_no_refresh_token(
    client: httpx.AsyncClient, new_user: NewUser, stored: asyncpg.Connection
) -> None:
    user = await new_user()

    response = await refresh(client, user.token.access_token)

    assert response.status_code == 422
    assert user.token.access_token not in response.text
    assert await stored.fetchval(LIVE_SESSIONS) == 1
    assert (await refresh(client, user.token.refresh_token)).status_code == 200


@pytest.mark.parametrize("body", [{}, {"refresh_token": None}, {"refresh_token": 7}, [], "text"])
async def test_a_body_without_a_token_is_refused(client: httpx.AsyncClient, body: object) -> None:
    response = await client.post("/api/v1/auth/refresh", json=body)

    assert (response.status_code, response.json()["code"]) == (422, "invalid_request")


@pytest.mark.parametrize(
    "change",
    [
        pytest.param("UPDATE refresh_tokens SET expires_at = now()", id="idle for too long"),
        pytest.param("UPDATE sessions SET expires_at = now()", id="session too old"),
        pytest.param("UPDATE sessions SET ended_at = now()", id="session ended"),
        pytest.param("UPDATE users SET is_active = false", id="account inactive"),
        pytest.param("DELETE FROM users", id="account deleted"),
    ],
)
@pytest.mark.parametrize("rotated", [False, True])
async def test_a_token_that_was_overtaken_is_refused(
    client: httpx.AsyncClient, new_user: NewUser, stored: asyncpg.Connection, *, change: str, rotated: bool
) -> None:
    token = (await new_user()).token.refresh_token
    token = await successor_of(client, token) if rotated else token
    await stored.execute(change)

    response = await refresh(client, token)

    assert_refused(response)


async def test_an_inactive_account_cannot_repeat_a_lost_answer(
    client: httpx.AsyncClient, new_user: NewUser, stored: asyncpg.Connection
) -> None:
    user = await new_user()
    await refresh(client, user.token.refresh_token)
    await stored.execute("UPDATE users SET is_active = false")

    response = await refresh(client, user.token.refresh_token)

    assert_refused(response)


async def test_an_expired_token_ends_nothing(
    client: httpx.AsyncClient, new_user: NewUser, stored: asyncpg.Connection
) -> None:
    user = await new_user()
    await stored.execute("UPDATE refresh_tokens SET expires_at = now()")

    await refresh(client, user.token.refresh_token)

    assert await stored.fetchval(LIVE_SESSIONS) == 1


async def test_a_refused_refresh_leaves_the_token_unused(
    client: httpx.AsyncClient, new_user: NewUser, stored: asyncpg.Connection
) -> None:
    user = await new_user()
    await stored.execute("UPDATE users SET is_active = false")
    await refresh(client, user.token.refresh_token)
    await stored.execute("UPDATE users SET is_active = true")

    response = await refresh(client, user.token.refresh_token)

    assert response.status_code == 200
