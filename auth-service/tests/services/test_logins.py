"""What logging in costs everybody else."""

import asyncio
from collections.abc import Callable

import asyncpg
import bcrypt
import httpx
import pytest
from fastapi import FastAPI

from auth_service.core.security import PasswordHashing
from auth_service.schemas.users import UserWithToken
from auth_service.services.login_queue import AT_ONCE
from service_chassis.testing.clients import running_client

ADA = {"email": "ada@example.com", "password": "correct horse battery staple"}


class GatedHashing(PasswordHashing):
    """Holds every verification back until the gate opens, as a long queue does."""

    def __init__(self) -> None:
        super().__init__()
        self.arrived = asyncio.Semaphore(0)
        self.gate = asyncio.Event()

    async def verify(self, password: str, hashed_password: str | None, *, may_match: bool = True) -> bool:
        self.arrived.release()
        await self.gate.wait()
        return await super().verify(password, hashed_password, may_match=may_match)

    async def wait_for_arrivals(self, count: int) -> None:
        async with asyncio.timeout(30):
            for _ in range(count):
                await self.arrived.acquire()


async def log_in(client: httpx.AsyncClient) -> httpx.Response:
    form = {"username": ADA["email"], "password": ADA["password"]}
    return await client.post("/api/v1/auth/login", data=form)


async def register(client: httpx.AsyncClient) -> UserWithToken:
    response = await client.post("/api/v1/auth/register", json=ADA)
    return UserWithToken.model_validate_json(response.content)


async def test_logins_that_wait_to_be_hashed_hold_no_connection(new_app: Callable[..., FastAPI]) -> None:
    app = new_app(database_pool_size=1, login_limit_per_account="20 per hour")
    async with running_client(app) as client:
        user = await register(client)
        hashing = app.state.resources.password_hashing = GatedHashing()
        async with asyncio.TaskGroup() as group:
            logins = [group.create_task(log_in(client)) for _ in range(20)]
            await hashing.wait_for_arrivals(AT_ONCE)

            headers = {"Authorization": f"Bearer {user.token.access_token}"}
            me = await client.get("/api/v1/users/me", headers=headers)
            hashing.gate.set()

    assert me.status_code == 200
    assert [login.result().status_code for login in logins] == [200] * 20


async def test_one_connection_is_enough_from_the_first_request_on(new_app: Callable[..., FastAPI]) -> None:
    async with running_client(new_app(database_pool_size=1)) as client:
        response = await client.post("/api/v1/auth/register", json=ADA)

    assert response.status_code == 201


async def test_parallel_refreshes_need_no_second_connection(new_app: Callable[..., FastAPI]) -> None:
    async with running_client(new_app(database_pool_size=2)) as client:
        user = await register(client)

    async with running_client(new_app(database_pool_size=2)) as restarted:
        body = {"refresh_token": user.token.refresh_token}
        responses = await asyncio.gather(*(restarted.post("/api/v1/auth/refresh", json=body) for _ in range(6)))

    assert [response.status_code for response in responses] == [200] * 6


@pytest.mark.parametrize(
    "change",
    [
        pytest.param("UPDATE users SET is_active = false", id="deactivated"),
        pytest.param("UPDATE users SET rights_version = rights_version + 1", id="other rights"),
        pytest.param("UPDATE users SET password_version = password_version + 1", id="another password"),
        pytest.param("DELETE FROM users", id="deleted"),
    ],
)
async def test_an_account_that_changes_while_its_password_is_hashed_is_not_logged_in(
    new_app: Callable[..., FastAPI], stored: asyncpg.Connection, change: str
) -> None:
    app = new_app()
    async with running_client(app) as client:
        await register(client)
        hashing = app.state.resources.password_hashing = GatedHashing()
        async with asyncio.TaskGroup() as group:
            login = group.create_task(log_in(client))
            await hashing.wait_for_arrivals(1)

            await stored.execute(change)
            hashing.gate.set()

    assert (login.result().status_code, login.result().json()["error"]) == (401, "invalid_grant")


async def test_a_login_with_a_password_that_is_changed_while_it_is_hashed_is_refused(
    new_app: Callable[..., FastAPI], stored: asyncpg.Connection
) -> None:
    busy = new_app()
    async with running_client(busy) as client, running_client(new_app()) as other:
        user = await register(client)
        hashing = busy.state.resources.password_hashing = GatedHashing()
        async with asyncio.TaskGroup() as group:
            login = group.create_task(log_in(client))
            await hashing.wait_for_arrivals(1)

            body = {"current_password": ADA["password"], "new_password": "correct battery horse staple"}
            headers = {"Authorization": f"Bearer {user.token.access_token}"}
            changed = await other.put("/api/v1/users/me/password", json=body, headers=headers)
            hashing.gate.set()

    assert (changed.status_code, login.result().status_code) == (204, 401)
    assert await stored.fetchval("SELECT count(*) FROM sessions WHERE ended_at IS NULL") == 1


async def test_parallel_logins_with_an_outdated_hash_all_succeed(
    new_app: Callable[..., FastAPI], stored: asyncpg.Connection
) -> None:
    outdated = bcrypt.hashpw(ADA["password"].encode(), bcrypt.gensalt(4)).decode()
    async with running_client(new_app()) as client:
        await register(client)
        await stored.execute("UPDATE users SET hashed_password = $1", outdated)

        responses = await asyncio.gather(*(log_in(client) for _ in range(4)))

    assert [response.status_code for response in responses] == [200] * 4
