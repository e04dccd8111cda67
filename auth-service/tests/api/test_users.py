"""One's own account: GET, PATCH and PUT /users/me."""

import asyncio
from collections.abc import Awaitable, Callable

import asyncpg
import httpx
import pytest

from auth_service.schemas.users import User, UserWithToken
from service_chassis.testing.clients import text_but_ids

ME = "/api/v1/users/me"
NewUser = Callable[..., Awaitable[UserWithToken]]


def authorization(user: UserWithToken) -> dict[str, str]:
    return {"Authorization": f"Bearer {user.token.access_token}"}


async def test_an_account_is_shown_to_its_owner(client: httpx.AsyncClient, new_user: NewUser) -> None:
    user = await new_user("ada@example.com")

    response = await client.get(ME, headers=authorization(user))

    assert response.status_code == 200
    assert User.model_validate_json(response.content) == User(**user.model_dump(exclude={"token"}))


async def test_an_account_is_shown_without_its_password(client: httpx.AsyncClient, new_user: NewUser) -> None:
    user = await new_user()

    response = await client.get(ME, headers=authorization(user))

    shown = {"id", "email", "email_verified", "full_name", "is_active", "is_superuser", "created_at", "updated_at"}
    assert set(response.json()) == shown


@pytest.mark.parametrize("method", ["PATCH", "PUT"])
async def test_a_change_of_the_name_keeps_the_address(
    client: httpx.AsyncClient, new_user: NewUser, method: str
) -> None:
    user = await new_user("ada@example.com")

    response = await client.request(method, ME, json={"full_name": "Ada King"}, headers=authorization(user))

    assert response.status_code == 200
    assert (response.json()["email"], response.json()["full_name"]) == ("ada@example.com", "Ada King")


@pytest.mark.parametrize("method", ["PATCH", "PUT"])
async def test_a_change_of_the_address_keeps_the_name(
    client: httpx.AsyncClient, new_user: NewUser, stored: asyncpg.Connection, method: str
) -> None:
    user = await new_user("ada@example.com")
    await stored.execute("UPDATE users SET full_name = 'Ada Lovelace'")

    response = await client.request(method, ME, json={"email": "Countess@Example.com"}, headers=authorization(user))

    assert response.status_code == 200
    assert (response.json()["email"], response.json()["full_name"]) == ("countess@example.com", "Ada Lovelace")


async def test_a_change_is_stored(client: httpx.AsyncClient, new_user: NewUser, stored: asyncpg.Connection) -> None:
    user = await new_user()

    await client.patch(ME, json={"email": "ada@example.com", "full_name": "Ada"}, headers=authorization(user))

    row = await stored.fetchrow("SELECT email, full_name, updated_at > created_at AS is_newer FROM users")
    assert (row["email"], row["full_name"], row["is_newer"]) == ("ada@example.com", "Ada", True)


async def test_a_change_answers_with_the_time_that_is_stored(
    client: httpx.AsyncClient, new_user: NewUser, stored: asyncpg.Connection
) -> None:
    user = await new_user()

    response = await client.patch(ME, json={"full_name": "Ada King"}, headers=authorization(user))

    answered = User.model_validate_json(response.content)
    assert answered.updated_at == await stored.fetchval("SELECT updated_at FROM users")


async def test_an_empty_change_changes_nothing(client: httpx.AsyncClient, new_user: NewUser) -> None:
    user = await new_user()

    response = await client.patch(ME, json={}, headers=authorization(user))

    assert User.model_validate_json(response.content) == User(**user.model_dump(exclude={"token"}))


async def test_a_name_can_be_taken_back(
    client: httpx.AsyncClient, new_user: NewUser, stored: asyncpg.Connection
) -> None:
    user = await new_user()
    await stored.execute("UPDATE users SET full_name = 'Ada Lovelace'")

    response = await client.patch(ME, json={"full_name": ""}, headers=authorization(user))

    assert response.json()["full_name"] == ""


async def test_ones_own_address_in_another_spelling_is_no_conflict(
    client: httpx.AsyncClient, new_user: NewUser
) -> None:
    user = await new_user("ada@example.com")

    response = await client.patch(ME, json={"email": "ADA@example.com."}, headers=authorization(user))

    assert (response.status_code, response.json()["email"]) == (200, "ada@example.com")


async def test_an_address_that_is_taken_is_a_conflict(
    client: httpx.AsyncClient, new_user: NewUser, stored: asyncpg.Connection
) -> None:
    await new_user("taken@example.com")
    user = await new_user("ada@example.com")
    change = {"email": "TAKEN@example.com", "full_name": "Ada King"}

    response = await client.patch(ME, json=change, headers=authorization(user))

    assert (response.status_code, response.json()["code"]) == (409, "email_already_registered")
    row = await stored.fetchrow("SELECT email, full_name FROM users WHERE id = $1", user.id)
    assert (row["email"], row["full_name"]) == ("ada@example.com", "")


async def test_of_two_who_change_to_one_address_one_gets_it(client: httpx.AsyncClient, new_user: NewUser) -> None:
    users = [await new_user(), await new_user()]
    change = {"email": "wanted@example.com"}

    responses = await asyncio.gather(*(client.patch(ME, json=change, headers=authorization(user)) for user in users))

    assert sorted(response.status_code for response in responses) == [200, 409]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("email", None),
        ("full_name", None),
        ("email", ""),
        ("email", "address-4711"),
        ("full_name", "4711\0"),
        ("full_name", "4711" * 51),
        ("is_superuser", True),
        ("is_active", False),
        ("id", "0198c0de-0000-7000-8000-000000004711"),
        ("email_verified", True),
        ("rights_version", 4711),
        ("hashed_password", "4711"),
        ("password", "password-4711"),
    ],
)
async def test_a_change_of_anything_else_is_refused(
    client: httpx.AsyncClient, new_user: NewUser, stored: asyncpg.Connection, name: str, value: object
) -> None:
    user = await new_user()
    before = await stored.fetchrow("SELECT * FROM users")

    response = await client.patch(ME, json={"full_name": "Ada", name: value}, headers=authorization(user))

    assert response.status_code == 422
    assert [error["pointer"] for error in response.json()["errors"]] == [f"/{name}"]
    assert "4711" not in text_but_ids(response)
    assert await stored.fetchrow("SELECT * FROM users") == before


@pytest.mark.parametrize("method", ["PATCH", "PUT"])
async def test_nobody_gives_themselves_rights_by_adding_them_to_a_change(
    client: httpx.AsyncClient, new_user: NewUser, stored: asyncpg.Connection, method: str
) -> None:
    user = await new_user()
    rights = {"is_superuser": True, "is_active": True, "email_verified": True, "rights_version": 7, "id": str(user.id)}
    before = await stored.fetchrow("SELECT * FROM users")

    response = await client.request(method, ME, json={"full_name": "Ada"} | rights, headers=authorization(user))

    assert response.status_code == 422
    assert {error["pointer"] for error in response.json()["errors"]} == {f"/{name}" for name in rights}
    assert await stored.fetchrow("SELECT * FROM users") == before
