"""Token endpoints: how strictly POST /auth/login reads its form, and how it answers errors (RFC 6749, 5.2)."""

import re
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import urlencode

import asyncpg
import httpx
import pytest
from fastapi import APIRouter, FastAPI
from sqlalchemy import text

from auth_service.api.oauth2 import OAuth2Route
from auth_service.core.security import PasswordHashing
from auth_service.errors import InvalidCredentialsError
from auth_service.schemas.users import UserWithToken
from service_chassis.dependencies import SessionDep

LOGIN = "/api/v1/auth/login"
EMAIL = "ada@example.com"
PASSWORD = "correct horse battery staple"
FORM = {"grant_type": "password", "username": EMAIL, "password": PASSWORD}
URLENCODED = {"Content-Type": "application/x-www-form-urlencoded"}

NewUser = Callable[..., Awaitable[UserWithToken]]


def form_without(name: str) -> dict[str, str]:
    return {key: value for key, value in FORM.items() if key != name}


def assert_invalid_request(response: httpx.Response) -> None:
    assert (response.status_code, response.json()["error"]) == (400, "invalid_request")
    assert set(response.json()) == {"error", "error_description"}
    assert response.headers["Cache-Control"] == "no-store"
    assert PASSWORD not in response.text


@pytest.mark.parametrize(
    "content",
    [
        pytest.param("", id="empty body"),
        pytest.param(urlencode(form_without("password")), id="no password"),
        pytest.param(urlencode(form_without("username")), id="no username"),
        pytest.param(urlencode(FORM | {"is_superuser": "true"}), id="unknown parameter"),
        pytest.param(urlencode(FORM | {"otp": ""}), id="empty unknown parameter"),
        pytest.param(urlencode(FORM) + "&password=another", id="repeated parameter"),
        pytest.param(urlencode(FORM) + "&grant_type=password", id="repeated with the same value"),
        pytest.param(urlencode(FORM) + "&scope=%FF", id="no UTF-8"),
        pytest.param(urlencode(FORM) + "&scope=é", id="not encoded"),
        pytest.param(urlencode(FORM) + "&scope", id="a name without a value"),
        pytest.param(urlencode(FORM | {"username": "ada\0@example.com"}), id="NUL in the username"),
        pytest.param(urlencode(FORM | {"username": "a" * 321}), id="over-long username"),
    ],
)
async def test_a_malformed_form_is_an_invalid_request(client: httpx.AsyncClient, content: str) -> None:
    response = await client.post(LOGIN, content=content.encode(), headers=URLENCODED)

    assert_invalid_request(response)


async def test_a_refused_request_changes_nothing(
    app: FastAPI, client: httpx.AsyncClient, new_user: NewUser, stored: asyncpg.Connection
) -> None:
    await new_user(EMAIL)
    refusing = APIRouter(route_class=OAuth2Route)

    @refusing.post("/refuse")
    async def refuse(session: SessionDep) -> None:
        await session.execute(text("UPDATE users SET full_name = 'changed'"))
        raise InvalidCredentialsError

    app.include_router(refusing)

    response = await client.post("/refuse")

    assert (response.status_code, response.json()["error"]) == (401, "invalid_grant")
    assert await stored.fetchval("SELECT full_name FROM users") == ""


@pytest.mark.parametrize("grant_type", ["client_credentials", "authorization_code", "PASSWORD", "password ", ""])
async def test_another_grant_type_is_not_supported(
    client: httpx.AsyncClient, new_user: NewUser, grant_type: str
) -> None:
    await new_user(EMAIL)

    response = await client.post(LOGIN, data=FORM | {"grant_type": grant_type})

    assert (response.status_code, response.json()["error"]) == (400, "unsupported_grant_type")
    assert response.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize(
    "request_body",
    [
        pytest.param({"json": FORM}, id="JSON"),
        pytest.param({"content": urlencode(FORM)}, id="undeclared"),
        pytest.param({"content": urlencode(FORM), "headers": {"Content-Type": "text/plain"}}, id="text"),
        pytest.param({"data": FORM, "files": {"scope": b"items:read"}}, id="a file in the form"),
        pytest.param({"files": {name: (None, value) for name, value in FORM.items()}}, id="multipart without a file"),
    ],
)
async def test_another_content_type_is_an_invalid_request(
    client: httpx.AsyncClient, request_body: dict[str, Any]
) -> None:
    response = await client.post(LOGIN, **request_body)

    assert_invalid_request(response)


@pytest.mark.parametrize("query", [FORM, {"scope": "items:read"}])
async def test_parameters_in_the_url_are_an_invalid_request(client: httpx.AsyncClient, query: dict[str, str]) -> None:
    response = await client.post(LOGIN, params=query, data=FORM)

    assert_invalid_request(response)


@pytest.mark.parametrize(
    "form",
    [
        pytest.param(form_without("grant_type"), id="no grant type"),
        pytest.param(FORM | {"scope": "", "client_id": "", "client_secret": ""}, id="as Swagger UI sends it"),
        pytest.param(FORM | {"scope": "items:read users:me", "client_id": "tandem"}, id="with scope and client"),
    ],
)
async def test_what_standard_clients_send_is_taken(
    client: httpx.AsyncClient, new_user: NewUser, form: dict[str, str]
) -> None:
    await new_user(EMAIL)

    response = await client.post(LOGIN, data=form)

    assert response.status_code == 200


async def test_the_content_type_may_name_a_charset(client: httpx.AsyncClient, new_user: NewUser) -> None:
    await new_user(EMAIL)
    headers = {"Content-Type": "Application/X-WWW-Form-Urlencoded; charset=UTF-8"}

    response = await client.post(LOGIN, content=urlencode(FORM), headers=headers)

    assert response.status_code == 200


async def test_a_description_has_only_the_characters_that_rfc_6749_allows(client: httpx.AsyncClient) -> None:
    response = await client.post(LOGIN, data=FORM | {'"é\\\n': "unknown"})

    assert re.fullmatch(r"[\x20-\x21\x23-\x5B\x5D-\x7E]+", response.json()["error_description"])


async def test_a_body_beyond_the_limit_is_answered_in_the_same_form(client: httpx.AsyncClient) -> None:
    async def chunks() -> Any:  # noqa: ANN401  # httpx takes any asynchronous iterator
        yield b"password="
        yield b"x" * 70_000

    response = await client.post(LOGIN, content=chunks(), headers=URLENCODED)

    assert (response.status_code, response.json()["error"]) == (413, "invalid_request")


async def test_more_logins_than_can_be_hashed_are_sent_away(
    app: FastAPI, client: httpx.AsyncClient, new_user: NewUser
) -> None:
    await new_user(EMAIL)
    # One place less in the queue than none leaves no place for the thread either.
    app.state.resources.password_hashing = PasswordHashing(threads=1, queue_length=-1)

    response = await client.post(LOGIN, data=FORM)

    assert (response.status_code, response.json()["error"]) == (503, "password_hashing_busy")
    assert int(response.headers["Retry-After"]) > 0
    assert response.headers["Cache-Control"] == "no-store"
