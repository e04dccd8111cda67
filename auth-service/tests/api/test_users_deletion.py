"""Deleting one's own account: DELETE /users/me."""

import asyncio
from collections.abc import Awaitable, Callable

import asyncpg
import httpx
from fastapi import FastAPI

from auth_service.schemas.users import UserWithToken
from service_chassis.testing.clients import running_client

EMAIL = "ada@example.com"
PASSWORD = "correct horse battery staple"
NewUser = Callable[..., Awaitable[UserWithToken]]


def authorization(user: UserWithToken) -> dict[str, str]:
    return {"Authorization": f"Bearer {user.token.access_token}"}


async def delete_me(client: httpx.AsyncClient, user: UserWithToken) -> httpx.Response:
    return await client.delete("/api/v1/users/me", headers=authorization(user))


async def refresh(client: httpx.AsyncClient, user: UserWithToken) -> httpx.Response:
    return await client.post("/api/v1/auth/refresh", json={"refresh_token": user.token.refresh_token})


async def test_a_deleted_account_is_gone_with_all_that_belongs_to_it(
    client: httpx.AsyncClient, new_user: NewUser, stored: asyncpg.Connection
) -> None:
    other, user = await new_user(), await new_user(EMAIL)

    response = await delete_me(client, user)

    assert (response.status_code, response.content) == (204, b"")
    assert [row["id"] for row in await stored.fetch("SELECT id FROM users")] == [other.id]
    assert await stored.fetchval("SELECT count(*) FROM sessions") == 1
    assert await stored.fetchval("SELECT count(*) FROM refresh_tokens") == 1


async def test_a_deleted_account_is_out_at_once(client: httpx.AsyncClient, new_user: NewUser) -> None:
    user = await new_user(EMAIL)

    await delete_me(client, user)

    me = await client.get("/api/v1/users/me", headers=authorization(user))
    login = await client.post("/api/v1/auth/login", data={"username": EMAIL, "password": PASSWORD})
    answers = [response.status_code for response in (me, login, await refresh(client, user))]
    assert answers == [401, 401, 401]


async def test_the_address_of_a_deleted_account_is_free_for_another(
    client: httpx.AsyncClient, new_user: NewUser
) -> None:
    user = await new_user(EMAIL)

    await delete_me(client, user)

    assert (await new_user(EMAIL)).id != user.id


async def test_a_deletion_is_told_to_other_services_and_audited(
    client: httpx.AsyncClient, new_user: NewUser, stored: asyncpg.Connection
) -> None:
    user = await new_user(EMAIL)

    await delete_me(client, user)

    events = await stored.fetch("SELECT type, subject, data FROM outbox_events")
    assert [tuple(event) for event in events] == [("user.deleted", str(user.id), "{}")]
    audited = await stored.fetchrow("SELECT user_id, actor_id FROM audit_events WHERE type = 'user.deleted'")
    assert tuple(audited) == (user.id, None)


async def test_the_last_superuser_cannot_delete_itself(
    client: httpx.AsyncClient, new_superuser: NewUser, stored: asyncpg.Connection
) -> None:
    await new_superuser("gone@example.com")
    await stored.execute("UPDATE users SET is_active = false")
    root = await new_superuser()

    response = await delete_me(client, root)

    assert (response.status_code, response.json()["code"]) == (409, "last_superuser")
    assert await stored.fetchval("SELECT count(*) FROM users") == 2


async def test_of_two_superusers_who_delete_themselves_at_once_one_stays(
    client: httpx.AsyncClient, new_superuser: NewUser, stored: asyncpg.Connection
) -> None:
    roots = [await new_superuser("root@example.com"), await new_superuser("admin@example.com")]

    responses = await asyncio.gather(*(delete_me(client, root) for root in roots))

    assert sorted(response.status_code for response in responses) == [204, 409]
    assert await stored.fetchval("SELECT count(*) FROM users WHERE is_superuser") == 1


async def test_a_deletion_that_happens_twice_at_once_is_told_once(
    client: httpx.AsyncClient, new_user: NewUser, stored: asyncpg.Connection
) -> None:
    user = await new_user()

    responses = await asyncio.gather(*(delete_me(client, user) for _ in range(4)))

    assert {response.status_code for response in responses} <= {204, 401}
    assert await stored.fetchval("SELECT count(*) FROM outbox_events WHERE type = 'user.deleted'") == 1
    assert await stored.fetchval("SELECT count(*) FROM audit_events WHERE type = 'user.deleted'") == 1


async def test_refreshes_while_an_account_is_deleted_gain_nothing_and_block_nothing(
    new_app: Callable[..., FastAPI], new_user: NewUser
) -> None:
    user = await new_user()
    async with running_client(new_app(database_pool_size=20)) as client:
        deleted, *refreshed = await asyncio.gather(delete_me(client, user), *(refresh(client, user) for _ in range(8)))
        again = await refresh(client, user)

    assert deleted.status_code == 204
    assert {response.status_code for response in refreshed} <= {200, 401}
    assert again.status_code == 401
