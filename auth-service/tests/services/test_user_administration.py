"""What a superuser has begun ends with the role, also while a password is hashed for it."""

import asyncio
from collections.abc import Awaitable, Callable

import asyncpg
import httpx
import pytest

from auth_service.schemas.users import UserWithToken

PASSWORD = "correct battery horse staple"
NewUser = Callable[..., Awaitable[UserWithToken]]


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "", {"email": "grace@example.com", "password": PASSWORD, "is_superuser": True}),
        ("PATCH", "/{id}", {"password": PASSWORD}),
        ("PATCH", "/{id}", {"is_superuser": True}),
        ("DELETE", "/{id}", None),
    ],
)
async def test_who_is_demoted_meanwhile_changes_nothing(
    client: httpx.AsyncClient,
    new_user: NewUser,
    new_superuser: NewUser,
    stored: asyncpg.Connection,
    *,
    method: str,
    path: str,
    body: dict[str, object] | None,
) -> None:
    user, root = await new_user(), await new_superuser()
    headers = {"Authorization": f"Bearer {root.token.access_token}"}
    before = await stored.fetch("SELECT * FROM users WHERE id <> $1", root.id)
    async with asyncio.TaskGroup() as group, stored.transaction():
        await stored.execute("SELECT FROM users WHERE id = $1 FOR UPDATE", root.id)
        url = "/api/v1/users" + path.format(id=user.id)
        working = group.create_task(client.request(method, url, json=body, headers=headers))
        await wait_until_somebody_waits(stored)

        await stored.execute("UPDATE users SET is_superuser = false WHERE id = $1", root.id)

    assert (working.result().status_code, working.result().json()["code"]) == (403, "insufficient_scope")
    assert await stored.fetch("SELECT * FROM users WHERE id <> $1", root.id) == before


async def wait_until_somebody_waits(stored: asyncpg.Connection) -> None:
    """Return once a statement stands before a lock that this connection holds."""
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE pg_backend_pid() = ANY(pg_blocking_pids(pid))"
    async with asyncio.timeout(30):
        while not await stored.fetchval(waiting):
            pass
