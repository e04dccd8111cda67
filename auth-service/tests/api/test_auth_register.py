"""POST /auth/register."""

import asyncio
from collections.abc import Awaitable, Callable

import asyncpg
import httpx
import pytest
from fastapi import FastAPI

from auth_service.core.security import PASSWORD_CONTEXT, PasswordHashing
from auth_service.schemas.users import UserWithToken
from service_chassis.testing.clients import running_client, text_but_ids

REGISTER = "/api/v1/auth/register"
PASSWORD = "correct horse battery staple"
ADA = {"email": "ada@example.com", "password": PASSWORD, "full_name": "Ada Lovelace"}

NewUser = Callable[..., Awaitable[UserWithToken]]


async def test_registering_answers_with_the_account(client: httpx.AsyncClient) -> None:
    response = await client.post(REGISTER, json=ADA)

    assert response.status_code == 201
    user = UserWithToken.model_validate_json(response.content)
    assert (user.email, user.full_name) == ("ada@example.com", "Ada Lovelace")
    assert (user.is_active, user.is_superuser) == (True, False)
    assert user.id.version == 7


async def test_registering_logs_in(client: httpx.AsyncClient) -> None:
    response = await client.post(REGISTER, json=ADA)

    access_token = response.json()["token"]["access_token"]
    me = await client.get("/api/v1/users/me", headers={"Authorization": f"Bearer {access_token}"})
    assert me.json() == {name: value for name, value in response.json().items() if name != "token"}


@pytest.mark.parametrize("password_context", [PASSWORD_CONTEXT], ids=["as served"])
async def test_only_an_argon2id_hash_of_a_password_is_stored(
    client: httpx.AsyncClient, stored: asyncpg.Connection
) -> None:
    response = await client.post(REGISTER, json=ADA)

    hashed_password = await stored.fetchval("SELECT hashed_password FROM users")
    assert hashed_password.startswith("$argon2id$v=19$m=7168,t=5,p=1$")
    assert "hash" not in response.text
    assert PASSWORD not in response.text


@pytest.mark.parametrize(
    "spelling",
    [
        pytest.param("ADé@Example.COM", id="case"),
        pytest.param("ａｄé＠ｅｘａｍｐｌｅ．ｃｏｍ", id="full width"),  # the claim is about such letters
        pytest.param("adé@example.com.", id="trailing dot"),
        pytest.param("ade\u0301@example.com", id="decomposed"),
        pytest.param(" adé@example.com\n", id="surrounding space"),
        pytest.param("Ada <adé@example.com>", id="with a name"),
    ],
)
async def test_an_address_has_one_account_whatever_its_spelling(
    client: httpx.AsyncClient, new_user: NewUser, spelling: str
) -> None:
    await new_user("adé@example.com")

    response = await client.post(REGISTER, json=ADA | {"email": spelling})

    assert (response.status_code, response.json()["code"]) == (409, "email_already_registered")


async def test_of_many_registrations_at_once_one_gets_the_address(
    client: httpx.AsyncClient, stored: asyncpg.Connection
) -> None:
    responses = await asyncio.gather(*(client.post(REGISTER, json=ADA) for _ in range(4)))

    assert sorted(response.status_code for response in responses) == [201, 409, 409, 409]
    assert await stored.fetchval("SELECT count(*) FROM users") == 1
    assert await stored.fetchval("SELECT count(*) FROM sessions") == 1


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("is_superuser", True),
        ("is_active", True),
        ("id", "0198c0de-0000-7000-8000-000000000000"),
        ("email_verified", True),
        ("rights_version", 7),
        ("hashed_password", "$argon2id$unlikely"),
        ("created_at", "2001-02-03T04:05:06Z"),
    ],
)
async def test_what_is_not_the_callers_to_set_is_refused(
    client: httpx.AsyncClient, stored: asyncpg.Connection, name: str, value: object
) -> None:
    response = await client.post(REGISTER, json=ADA | {name: value})

    assert response.status_code == 422
    assert [error["pointer"] for error in response.json()["errors"]] == [f"/{name}"]
    assert await stored.fetchval("SELECT count(*) FROM users") == 0


@pytest.mark.parametrize(
    "password",
    [
        pytest.param("sevenCh", id="seven characters"),
        pytest.param("e\u0301" * 4, id="four characters that arrive as eight"),
        pytest.param("é" * 2048 + "x", id="4097 bytes"),
        pytest.param("\ufb03" * 1366, id="4098 bytes once normalised"),
        pytest.param(None, id="null"),
        pytest.param(12345678, id="a number"),
    ],
)
async def test_a_password_has_8_characters_and_at_most_4096_bytes(client: httpx.AsyncClient, password: object) -> None:
    response = await client.post(REGISTER, json=ADA | {"password": password})

    assert response.status_code == 422
    assert [error["pointer"] for error in response.json()["errors"]] == ["/password"]


@pytest.mark.parametrize(
    "password",
    [
        pytest.param("password1", id="frequent"),
        pytest.param("PassWord1", id="in another case"),
        pytest.param("\uff50assword1", id="in another width"),
        pytest.param("ada.lovelace@example.com", id="the address"),
        pytest.param("Ada.Lovelace@Example.com.", id="the address in another spelling"),
        pytest.param("Ada.Lovelace", id="the address up to the @"),
    ],
)
async def test_a_password_is_not_one_that_is_tried_first(
    client: httpx.AsyncClient, stored: asyncpg.Connection, password: str
) -> None:
    response = await client.post(REGISTER, json={"email": "ada.lovelace@example.com", "password": password})

    assert (response.status_code, response.json()["code"]) == (422, "password_too_common")
    assert password not in response.text
    assert await stored.fetchval("SELECT count(*) FROM users") == 0


@pytest.mark.parametrize("email", ["ada", "ada@localhost", "@example.com", "a\0da@example.com", "", None, ["x@y.de"]])
async def test_what_is_no_address_is_refused(client: httpx.AsyncClient, email: object) -> None:
    response = await client.post(REGISTER, json=ADA | {"email": email})

    assert response.status_code == 422
    assert [error["pointer"] for error in response.json()["errors"]] == ["/email"]


@pytest.mark.parametrize("full_name", ["x" * 201, "Ada\0", None, 7])
async def test_a_name_has_at_most_200_storable_characters(client: httpx.AsyncClient, full_name: object) -> None:
    response = await client.post(REGISTER, json=ADA | {"full_name": full_name})

    assert response.status_code == 422
    assert [error["pointer"] for error in response.json()["errors"]] == ["/full_name"]


async def test_a_validation_error_never_repeats_what_was_sent(client: httpx.AsyncClient) -> None:
    body = {"email": "e-mail-4711", "password": "pw-4711", "full_name": ["name-4711"], "token": "token-4711"}

    response = await client.post(REGISTER, json=body)

    assert response.status_code == 422
    assert {error["pointer"] for error in response.json()["errors"]} == {"/email", "/password", "/full_name", "/token"}
    assert "4711" not in text_but_ids(response)


async def test_malformed_json_is_refused_without_repeating_it(client: httpx.AsyncClient) -> None:
    body = b'{"email": "ada@example.com", "password": "pw-4711'

    response = await client.post(REGISTER, content=body, headers={"Content-Type": "application/json"})

    assert response.status_code == 400
    assert response.headers["Content-Type"] == "application/problem+json"
    assert "4711" not in text_but_ids(response)


async def test_registration_can_be_switched_off(new_app: Callable[..., FastAPI], stored: asyncpg.Connection) -> None:
    async with running_client(new_app(registration_enabled=False)) as client:
        response = await client.post(REGISTER, json=ADA)

    assert (response.status_code, response.json()["code"]) == (403, "registration_disabled")
    assert await stored.fetchval("SELECT count(*) FROM users") == 0


async def test_more_registrations_than_can_be_hashed_are_sent_away(app: FastAPI, client: httpx.AsyncClient) -> None:
    # One place less in the queue than none leaves no place for the thread either.
    app.state.resources.password_hashing = PasswordHashing(threads=1, queue_length=-1)

    response = await client.post(REGISTER, json=ADA)

    assert (response.status_code, response.json()["code"]) == (503, "password_hashing_busy")
    assert int(response.headers["Retry-After"]) > 0
