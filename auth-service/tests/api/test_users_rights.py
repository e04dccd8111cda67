"""What an account may do, and who is left to decide it: deactivation, roles and the last superuser."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

import asyncpg
import httpx
import jwt
import pytest

from auth_service.schemas.tokens import TokenPair
from auth_service.schemas.users import UserWithToken

USERS = "/api/v1/users"
NewUser = Callable[..., Awaitable[UserWithToken]]


def authorization(token: TokenPair) -> dict[str, str]:
    return {"Authorization": f"Bearer {token.access_token}"}


async def change(
    client: httpx.AsyncClient, user: UserWithToken, *, root: UserWithToken, **changes: Any
) -> httpx.Response:
    return await client.patch(f"{USERS}/{user.id}", json=changes, headers=authorization(root.token))


async def get_me(client: httpx.AsyncClient, token: TokenPair) -> httpx.Response:
    return await client.get(f"{USERS}/me", headers=authorization(token))


async def refresh(client: httpx.AsyncClient, token: TokenPair) -> httpx.Response:
    return await client.post("/api/v1/auth/refresh", json={"refresh_token": token.refresh_token})


async def told(stored: asyncpg.Connection) -> list[tuple[str, str, dict[str, Any]]]:
    rows = await stored.fetch("SELECT * FROM outbox_events ORDER BY id")
    return [(row["type"], row["subject"], json.loads(row["data"])) for row in rows]


async def audited(stored: asyncpg.Connection, *, actor: UserWithToken) -> list[str]:
    rows = await stored.fetch("SELECT type FROM audit_events WHERE actor_id = $1 ORDER BY id", actor.id)
    return [row["type"] for row in rows]


async def test_a_deactivated_account_is_out_at_once(
    client: httpx.AsyncClient, new_user: NewUser, new_superuser: NewUser
) -> None:
    user, root = await new_user("ada@example.com"), await new_superuser()

    response = await change(client, user, root=root, is_active=False)

    assert (response.status_code, response.json()["is_active"]) == (200, False)
    form = {"username": "ada@example.com", "password": "correct horse battery staple"}
    login = await client.post("/api/v1/auth/login", data=form)
    answers = [await get_me(client, user.token), await refresh(client, user.token), login]
    assert [answer.status_code for answer in answers] == [401, 401, 401]


async def test_a_deactivation_is_told_and_audited(
    client: httpx.AsyncClient, new_user: NewUser, new_superuser: NewUser, stored: asyncpg.Connection
) -> None:
    user, root = await new_user(), await new_superuser()

    await change(client, user, root=root, is_active=False)

    session_id = jwt.decode(user.token.access_token, options={"verify_signature": False})["sid"]
    assert await told(stored) == [
        ("user.deactivated", str(user.id), {"rights_version": 1}),
        ("session.revoked", session_id, {"user_id": str(user.id)}),
    ]
    assert await audited(stored, actor=root) == ["user.changed", "user.deactivated", "session.ended"]


async def test_a_reactivated_account_logs_in_anew(
    client: httpx.AsyncClient, new_user: NewUser, new_superuser: NewUser
) -> None:
    user, root = await new_user("ada@example.com"), await new_superuser()
    await change(client, user, root=root, is_active=False)

    await change(client, user, root=root, is_active=True)

    form = {"username": "ada@example.com", "password": "correct horse battery staple"}
    login = TokenPair.model_validate_json((await client.post("/api/v1/auth/login", data=form)).content)
    assert [(await get_me(client, token)).status_code for token in (user.token, login)] == [401, 200]


async def test_a_new_role_is_refused_to_old_tokens_and_given_to_refreshed_ones(
    client: httpx.AsyncClient, new_user: NewUser, new_superuser: NewUser
) -> None:
    user, root = await new_user(), await new_superuser()

    response = await change(client, user, root=root, is_superuser=True)

    assert (response.status_code, response.json()["is_superuser"]) == (200, True)
    assert (await get_me(client, user.token)).json()["code"] == "invalid_token"
    refreshed = TokenPair.model_validate_json((await refresh(client, user.token)).content)
    assert (await client.get(USERS, headers=authorization(refreshed))).status_code == 200


async def test_a_role_that_is_taken_away_is_gone_at_once_also_from_a_token_of_the_same_second(
    client: httpx.AsyncClient, new_superuser: NewUser
) -> None:
    user, root = await new_superuser("ada@example.com"), await new_superuser()
    minted = TokenPair.model_validate_json((await refresh(client, user.token)).content)

    await change(client, user, root=root, is_superuser=False)

    users = [await client.get(USERS, headers=authorization(token)) for token in (user.token, minted)]
    assert [response.status_code for response in users] == [401, 401]
    refreshed = TokenPair.model_validate_json((await refresh(client, minted)).content)
    assert (await client.get(USERS, headers=authorization(refreshed))).json()["code"] == "insufficient_scope"


async def test_a_change_of_role_is_told_and_audited(
    client: httpx.AsyncClient, new_user: NewUser, new_superuser: NewUser, stored: asyncpg.Connection
) -> None:
    user, root = await new_user(), await new_superuser()

    await change(client, user, root=root, is_superuser=True)
    await change(client, user, root=root, is_superuser=False)

    assert await told(stored) == [
        ("user.rights_changed", str(user.id), {"rights_version": 1}),
        ("user.rights_changed", str(user.id), {"rights_version": 2}),
    ]
    assert await audited(stored, actor=root) == ["user.changed", "user.role_changed"] * 2


@pytest.mark.parametrize("changes", [{"is_active": False}, {"is_superuser": False}])
async def test_the_last_superuser_can_be_neither_deactivated_nor_demoted(
    client: httpx.AsyncClient, new_superuser: NewUser, stored: asyncpg.Connection, changes: dict[str, bool]
) -> None:
    root = await new_superuser()

    response = await change(client, root, root=root, full_name="Root", **changes)

    assert (response.status_code, response.json()["code"]) == (409, "last_superuser")
    row = await stored.fetchrow("SELECT is_active, is_superuser, full_name, rights_version FROM users")
    assert tuple(row) == (True, True, "", 0)


async def test_the_last_superuser_cannot_be_deleted(
    client: httpx.AsyncClient, new_superuser: NewUser, stored: asyncpg.Connection
) -> None:
    root = await new_superuser()

    response = await client.delete(f"{USERS}/{root.id}", headers=authorization(root.token))

    assert (response.status_code, response.json()["code"]) == (409, "last_superuser")
    assert await stored.fetchval("SELECT count(*) FROM users") == 1


async def test_a_superuser_that_is_not_the_last_can_give_up_its_role(
    client: httpx.AsyncClient, new_superuser: NewUser
) -> None:
    await new_superuser("admin@example.com")
    root = await new_superuser()

    response = await change(client, root, root=root, is_superuser=False)

    assert (response.status_code, response.json()["is_superuser"]) == (200, False)


@pytest.mark.parametrize(
    ("method", "body"), [("PATCH", {"is_active": False}), ("PATCH", {"is_superuser": False}), ("DELETE", None)]
)
async def test_of_two_superusers_who_disempower_each_other_at_once_one_stays(
    client: httpx.AsyncClient,
    new_superuser: NewUser,
    stored: asyncpg.Connection,
    *,
    method: str,
    body: dict[str, bool] | None,
) -> None:
    one, two = await new_superuser("root@example.com"), await new_superuser("admin@example.com")
    pairs = [(one, two), (two, one)]

    responses = await asyncio.gather(
        *(
            client.request(method, f"{USERS}/{target.id}", json=body, headers=authorization(actor.token))
            for actor, target in pairs
        )
    )

    assert sum(response.is_success for response in responses) == 1
    assert {response.status_code for response in responses} <= {200, 204, 401, 403, 404}
    assert await stored.fetchval("SELECT count(*) FROM users WHERE is_active AND is_superuser") == 1
