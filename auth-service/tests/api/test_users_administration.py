"""Everybody's accounts for superusers: POST /users and GET, PATCH, DELETE /users/{id}."""

import json
from collections.abc import Awaitable, Callable
from typing import Any
from uuid import uuid4

import asyncpg
import httpx

from auth_service.schemas.users import User, UserWithToken
from service_chassis.testing.clients import text_but_ids

USERS = "/api/v1/users"
PASSWORD = "correct horse battery staple"
GRACE = {"email": "grace@example.com", "password": PASSWORD, "full_name": "Grace Hopper"}
NewUser = Callable[..., Awaitable[UserWithToken]]


def authorization(user: UserWithToken) -> dict[str, str]:
    return {"Authorization": f"Bearer {user.token.access_token}"}


def shown(user: UserWithToken) -> User:
    return User(**user.model_dump(exclude={"token"}))


async def change(
    client: httpx.AsyncClient, user: UserWithToken, *, root: UserWithToken, **changes: Any
) -> httpx.Response:
    return await client.patch(f"{USERS}/{user.id}", json=changes, headers=authorization(root))


async def log_in(client: httpx.AsyncClient, email: str, *, password: str = PASSWORD) -> httpx.Response:
    return await client.post("/api/v1/auth/login", data={"username": email, "password": password})


async def audited(stored: asyncpg.Connection, *, actor: UserWithToken) -> list[tuple[str, object, dict[str, Any]]]:
    rows = await stored.fetch("SELECT * FROM audit_events WHERE actor_id = $1 ORDER BY id", actor.id)
    return [(row["type"], row["user_id"], json.loads(row["details"])) for row in rows]


async def test_only_superusers_get_at_other_accounts(
    client: httpx.AsyncClient, new_user: NewUser, stored: asyncpg.Connection
) -> None:
    other, user = await new_user(), await new_user()
    before = await stored.fetch("SELECT * FROM users")
    one = f"{USERS}/{other.id}"
    for method, url, body in (
        ("GET", USERS, None),
        ("POST", USERS, GRACE),
        ("GET", one, None),
        ("PATCH", one, {"full_name": "Nobody"}),
        ("DELETE", one, None),
    ):
        response = await client.request(method, url, json=body, headers=authorization(user))

        assert (response.status_code, response.json()["code"]) == (403, "insufficient_scope"), (method, url)
    assert await stored.fetch("SELECT * FROM users") == before


async def test_a_token_with_the_scope_is_not_enough_once_the_account_is_no_superuser(
    client: httpx.AsyncClient, new_superuser: NewUser, stored: asyncpg.Connection
) -> None:
    root = await new_superuser()
    await stored.execute("UPDATE users SET is_superuser = false")

    response = await client.get(USERS, headers=authorization(root))

    assert (response.status_code, response.json()["code"]) == (403, "insufficient_scope")


async def test_an_account_is_created_for_somebody_who_then_logs_in(
    client: httpx.AsyncClient, new_superuser: NewUser
) -> None:
    root = await new_superuser()

    response = await client.post(USERS, json=GRACE, headers=authorization(root))

    created = User.model_validate_json(response.content)
    assert (response.status_code, response.headers["Location"]) == (201, f"{USERS}/{created.id}")
    assert (created.full_name, created.is_superuser, created.email_verified) == ("Grace Hopper", False, False)
    assert (await log_in(client, "grace@example.com")).status_code == 200


async def test_a_superuser_can_be_created(client: httpx.AsyncClient, new_superuser: NewUser) -> None:
    root = await new_superuser()
    body = GRACE | {"is_superuser": True, "email_verified": True}

    response = await client.post(USERS, json=body, headers=authorization(root))

    assert (response.json()["is_superuser"], response.json()["email_verified"]) == (True, True)
    assert "admin" in (await log_in(client, "grace@example.com")).json()["scope"].split()


async def test_a_creation_is_audited_with_who_did_it(
    client: httpx.AsyncClient, new_superuser: NewUser, stored: asyncpg.Connection
) -> None:
    root = await new_superuser()

    await client.post(USERS, json=GRACE, headers=authorization(root))

    created = await stored.fetchval("SELECT id FROM users WHERE email = 'grace@example.com'")
    assert await audited(stored, actor=root) == [("user.created", created, {"is_superuser": False})]


async def test_what_cannot_be_created_is_refused(
    client: httpx.AsyncClient, new_superuser: NewUser, stored: asyncpg.Connection
) -> None:
    root = await new_superuser()
    for changes, answer in (
        ({"email": "ROOT@example.com"}, (409, "email_already_registered")),
        ({"password": "password1"}, (422, "password_too_common")),
        ({"id": str(uuid4())}, (422, "invalid_request")),
        ({"is_superuser": "yes"}, (422, "invalid_request")),
        ({"is_active": False}, (422, "invalid_request")),
    ):
        response = await client.post(USERS, json=GRACE | changes, headers=authorization(root))

        assert (response.status_code, response.json()["code"]) == answer, changes
    assert await stored.fetchval("SELECT count(*) FROM users") == 1


async def test_anybodys_account_is_shown(client: httpx.AsyncClient, new_user: NewUser, new_superuser: NewUser) -> None:
    user, root = await new_user(), await new_superuser()

    response = await client.get(f"{USERS}/{user.id}", headers=authorization(root))

    assert User.model_validate_json(response.content) == shown(user)


async def test_an_account_that_does_not_exist_is_not_found(client: httpx.AsyncClient, new_superuser: NewUser) -> None:
    root = await new_superuser()
    for method, body in (("GET", None), ("PATCH", {"full_name": "Nobody"}), ("DELETE", None)):
        response = await client.request(method, f"{USERS}/{uuid4()}", json=body, headers=authorization(root))

        assert (response.status_code, response.json()["code"]) == (404, "user_not_found"), method


async def test_a_change_answers_with_what_is_stored_and_leaves_the_rest(
    client: httpx.AsyncClient, new_user: NewUser, new_superuser: NewUser
) -> None:
    user, root = await new_user(), await new_superuser()

    response = await change(client, user, root=root, email="Grace@Example.com", email_verified=True)

    expected = {"email": "grace@example.com", "email_verified": True, "updated_at": response.json()["updated_at"]}
    assert response.json() == shown(user).model_dump(mode="json") | expected
    assert (await client.get("/api/v1/users/me", headers=authorization(user))).json() == response.json()


async def test_a_change_is_audited_by_the_names_of_the_fields_without_their_values(
    client: httpx.AsyncClient, new_user: NewUser, new_superuser: NewUser, stored: asyncpg.Connection
) -> None:
    user, root = await new_user("ada@example.com"), await new_superuser()

    await change(client, user, root=root, email="countess@example.com", full_name="Ada", is_active=True)

    assert await audited(stored, actor=root) == [("user.changed", user.id, {"fields": "email full_name"})]


async def test_a_change_that_changes_nothing_is_not_audited(
    client: httpx.AsyncClient, new_user: NewUser, new_superuser: NewUser, stored: asyncpg.Connection
) -> None:
    user, root = await new_user("ada@example.com"), await new_superuser()

    response = await change(client, user, root=root, email="ADA@example.com", is_active=True, is_superuser=False)

    assert User.model_validate_json(response.content) == shown(user)
    assert await audited(stored, actor=root) == []


async def test_what_an_account_cannot_be_changed_to_is_refused(
    client: httpx.AsyncClient, new_user: NewUser, new_superuser: NewUser, stored: asyncpg.Connection
) -> None:
    user, root = await new_user("ada.lovelace@example.com"), await new_superuser()
    before = await stored.fetch("SELECT * FROM users")
    refusals: list[tuple[dict[str, object], tuple[int, str]]] = [
        ({"email": "ROOT@example.com"}, (409, "email_already_registered")),
        ({"password": "password1"}, (422, "password_too_common")),
        ({"password": "ada.lovelace@example.com"}, (422, "password_too_common")),
        ({"email": "countess@example.com", "password": "Countess@example.com"}, (422, "password_too_common")),
        ({"password": "pw-4711"}, (422, "invalid_request")),
        ({"password": None}, (422, "invalid_request")),
        ({"is_superuser": 1}, (422, "invalid_request")),
        ({"is_active": None}, (422, "invalid_request")),
        ({"rights_version": 4711}, (422, "invalid_request")),
        ({"hashed_password": "4711"}, (422, "invalid_request")),
    ]
    for changes, answer in refusals:
        response = await change(client, user, root=root, full_name="Ada", **changes)

        assert (response.status_code, response.json()["code"]) == answer, changes
        assert "4711" not in text_but_ids(response)
    assert await stored.fetch("SELECT * FROM users") == before


async def test_a_new_password_ends_every_session_of_the_account(
    client: httpx.AsyncClient, new_user: NewUser, new_superuser: NewUser, stored: asyncpg.Connection
) -> None:
    user, root = await new_user("ada@example.com"), await new_superuser()

    response = await change(client, user, root=root, password="correct battery horse staple")

    assert response.status_code == 200
    assert (await client.get("/api/v1/users/me", headers=authorization(user))).status_code == 401
    logins = [
        await log_in(client, "ada@example.com", password=word) for word in (PASSWORD, "correct battery horse staple")
    ]
    assert [login.status_code for login in logins] == [401, 200]
    assert [event[:2] for event in await audited(stored, actor=root)] == [
        ("password.changed", user.id),
        ("session.ended", user.id),
    ]


async def test_a_deletion_by_a_superuser_is_told_and_audited(
    client: httpx.AsyncClient, new_user: NewUser, new_superuser: NewUser, stored: asyncpg.Connection
) -> None:
    user, root = await new_user(), await new_superuser()

    response = await client.delete(f"{USERS}/{user.id}", headers=authorization(root))

    assert (response.status_code, response.content) == (204, b"")
    assert (await client.get("/api/v1/users/me", headers=authorization(user))).status_code == 401
    assert await stored.fetchval("SELECT subject FROM outbox_events WHERE type = 'user.deleted'") == str(user.id)
    assert await audited(stored, actor=root) == [("user.deleted", user.id, {})]
