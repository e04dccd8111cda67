"""What may happen to an account while the passwords of a change are hashed."""

import asyncio
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


class GatedHashing(PasswordHashing):
    """Holds a verification back until the gate opens, as a long queue does."""

    def __init__(self) -> None:
        super().__init__()
        self.arrived = asyncio.Event()
        self.gate = asyncio.Event()

    async def verify(self, password: str, hashed_password: str | None, *, may_match: bool = True) -> bool:
        self.arrived.set()
        await self.gate.wait()
        return await super().verify(password, hashed_password, may_match=may_match)


def authorization(token: TokenPair) -> dict[str, str]:
    return {"Authorization": f"Bearer {token.access_token}"}


async def change(client: httpx.AsyncClient, token: TokenPair, *, new: str = NEW) -> httpx.Response:
    body = {"current_password": OLD, "new_password": new}
    return await client.put("/api/v1/users/me/password", json=body, headers=authorization(token))


async def log_in(client: httpx.AsyncClient) -> TokenPair:
    response = await client.post("/api/v1/auth/login", data={"username": EMAIL, "password": OLD})
    return TokenPair.model_validate_json(response.content)


async def refresh(client: httpx.AsyncClient, token: TokenPair) -> httpx.Response:
    return await client.post("/api/v1/auth/refresh", json={"refresh_token": token.refresh_token})


async def wait_until_somebody_waits(stored: asyncpg.Connection) -> None:
    """Return once a statement stands before a lock that this connection holds."""
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE pg_backend_pid() = ANY(pg_blocking_pids(pid))"
    async with asyncio.timeout(30):
        while not await stored.fetchval(waiting):
            pass


@pytest.mark.parametrize(
    ("happening", "answer"),
    [
        ("UPDATE users SET password_version = password_version + 1", (403, "wrong_password")),
        ("UPDATE users SET rights_version = rights_version + 1", (403, "wrong_password")),
        ("UPDATE users SET is_active = false", (403, "wrong_password")),
        ("DELETE FROM users", (403, "wrong_password")),
        ("UPDATE sessions SET ended_at = now()", (401, "invalid_token")),
    ],
)
async def test_a_change_is_refused_when_its_ground_is_gone_after_hashing(
    client: httpx.AsyncClient, new_user: NewUser, stored: asyncpg.Connection, happening: str, answer: tuple[int, str]
) -> None:
    user = await new_user(EMAIL)
    async with asyncio.TaskGroup() as group, stored.transaction():
        await stored.execute("SELECT FROM users FOR UPDATE")
        changing = group.create_task(change(client, user.token))
        await wait_until_somebody_waits(stored)

        await stored.execute(happening)

    response = changing.result()
    assert (response.status_code, response.json()["code"]) == answer
    assert not await stored.fetchval("SELECT count(*) FROM audit_events WHERE type = 'password.changed'")


async def test_of_two_changes_at_once_one_succeeds(client: httpx.AsyncClient, new_user: NewUser) -> None:
    user = await new_user(EMAIL)

    responses = await asyncio.gather(change(client, user.token), change(client, user.token, new=NEW + "s"))

    assert sorted(response.status_code for response in responses) == [204, 403]


async def test_a_refresh_that_races_with_a_change_gains_nothing(
    new_app: Callable[..., FastAPI], new_user: NewUser, stored: asyncpg.Connection
) -> None:
    user = await new_user(EMAIL)
    async with running_client(new_app(database_pool_size=20)) as client:
        others = [await log_in(client) for _ in range(4)]
        async with asyncio.TaskGroup() as group:
            async with stored.transaction():
                await stored.execute("SELECT FROM users FOR UPDATE")
                group.create_task(change(client, user.token))
                await wait_until_somebody_waits(stored)
            refreshing = [group.create_task(refresh(client, other)) for other in others for _ in range(3)]
        answers = [task.result() for task in refreshing]
        pairs = [TokenPair.model_validate_json(answer.content) for answer in answers if answer.status_code == 200]

        me = [await client.get("/api/v1/users/me", headers=authorization(pair)) for pair in [*pairs, *others]]
        again = [await refresh(client, pair) for pair in [*pairs, *others]]

    assert {response.status_code for response in answers} <= {200, 401}
    assert {response.status_code for response in [*me, *again]} == {401}


async def test_a_change_that_waits_to_be_hashed_holds_no_connection(
    new_app: Callable[..., FastAPI], new_user: NewUser
) -> None:
    user = await new_user(EMAIL)
    app = new_app(database_pool_size=1)
    async with running_client(app) as client:
        hashing = app.state.resources.password_hashing = GatedHashing()
        changing = asyncio.create_task(change(client, user.token))
        await hashing.arrived.wait()

        me = await client.get("/api/v1/users/me", headers=authorization(user.token))
        hashing.gate.set()
        changed = await changing

    assert (me.status_code, changed.status_code) == (200, 204)
