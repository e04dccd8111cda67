"""POST /auth/token: who gets a token, and what it says."""

import base64
import time
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import quote_plus

import asyncpg
import httpx
import jwt
import pytest

from auth_service.schemas.users import UserWithToken

TOKEN = "/api/v1/auth/token"
NAME = "items-service"
GRANT = {"grant_type": "client_credentials"}

NewMachineClient = Callable[..., Awaitable[str]]
NewUser = Callable[..., Awaitable[UserWithToken]]


def basic(client_id: str, secret: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"{client_id}:{secret}".encode()).decode()}


def claims_of(token: str) -> dict[str, Any]:
    claims: dict[str, Any] = jwt.decode(token, options={"verify_signature": False})
    return claims


def assert_refused(response: httpx.Response, error: str, *, status: int = 400) -> None:
    assert (response.status_code, response.json()["error"]) == (status, error)
    assert set(response.json()) == {"error", "error_description"}
    assert response.headers["Cache-Control"] == "no-store"


def assert_invalid_client(response: httpx.Response) -> None:
    assert_refused(response, "invalid_client", status=401)
    assert response.headers["WWW-Authenticate"].startswith("Basic ")


@pytest.fixture
async def secret(new_machine_client: NewMachineClient) -> str:
    return await new_machine_client(NAME)


async def test_a_client_authenticates_by_http_basic(client: httpx.AsyncClient, secret: str) -> None:
    response = await client.post(TOKEN, data=GRANT, headers=basic(NAME, secret))

    assert response.status_code == 200
    assert response.json() == {
        "access_token": response.json()["access_token"],
        "token_type": "bearer",
        "expires_in": 300,
        "scope": "events:read",
    }
    assert response.headers["Cache-Control"] == "no-store"


async def test_a_client_authenticates_in_the_form(client: httpx.AsyncClient, secret: str) -> None:
    response = await client.post(TOKEN, data=GRANT | {"client_id": NAME, "client_secret": secret})

    assert response.status_code == 200


async def test_the_header_is_encoded_like_a_form(
    client: httpx.AsyncClient, new_machine_client: NewMachineClient
) -> None:
    secret = await new_machine_client(NAME, secret="a~b.c-d_" * 4)
    every_letter_encoded = "".join(f"%{ord(letter):02X}" for letter in secret)

    plain = await client.post(TOKEN, data=GRANT, headers=basic(NAME, secret))
    encoded = await client.post(TOKEN, data=GRANT, headers=basic(quote_plus(NAME), every_letter_encoded))

    assert (plain.status_code, encoded.status_code) == (200, 200)


async def test_a_service_token_says_which_client_may_do_what_until_when(client: httpx.AsyncClient, secret: str) -> None:
    before = int(time.time())

    token = (await client.post(TOKEN, data=GRANT, headers=basic(NAME, secret))).json()["access_token"]

    claims = claims_of(token)
    assert claims == {
        "iss": "http://localhost:8080",
        "aud": "tandem-services",
        "sub": "client:items-service",
        "client_id": "items-service",
        "iat": claims["iat"],
        "exp": claims["iat"] + 300,
        "jti": claims["jti"],
        "scope": "events:read",
    }
    assert before <= claims["iat"] <= time.time()
    assert jwt.get_unverified_header(token)["typ"] == "at+jwt"


async def test_a_users_routes_refuse_a_service_token(client: httpx.AsyncClient, secret: str) -> None:
    token = (await client.post(TOKEN, data=GRANT, headers=basic(NAME, secret))).json()["access_token"]

    response = await client.get("/api/v1/users/me", headers={"Authorization": f"Bearer {token}"})

    assert (response.status_code, response.json()["code"]) == (401, "invalid_token")


@pytest.mark.parametrize("scope", ["", " ", "events:read", "events:read events:read"])
async def test_a_client_gets_the_scopes_that_it_has(client: httpx.AsyncClient, secret: str, scope: str) -> None:
    response = await client.post(TOKEN, data=GRANT | {"scope": scope}, headers=basic(NAME, secret))

    assert response.json()["scope"] == "events:read"


@pytest.mark.parametrize("scope", ["admin", "users:me", "events:read items:read", "events", "EVENTS:READ"])
async def test_a_client_does_not_get_another_scope(client: httpx.AsyncClient, secret: str, scope: str) -> None:
    response = await client.post(TOKEN, data=GRANT | {"scope": scope}, headers=basic(NAME, secret))

    assert_refused(response, "invalid_scope")


async def test_every_refusal_of_a_client_looks_the_same(
    client: httpx.AsyncClient, secret: str, new_machine_client: NewMachineClient, stored: asyncpg.Connection
) -> None:
    revoked = await new_machine_client("revoked")
    await stored.execute("UPDATE oauth_clients SET revoked_at = now() WHERE name = 'revoked'")

    responses = [
        await client.post(TOKEN, data=GRANT, headers=basic(NAME, "wrong")),
        await client.post(TOKEN, data=GRANT, headers=basic(NAME, revoked)),
        await client.post(TOKEN, data=GRANT, headers=basic("revoked", revoked)),
        await client.post(TOKEN, data=GRANT, headers=basic("unknown", secret)),
        await client.post(TOKEN, data=GRANT, headers=basic(NAME.upper(), secret)),
        await client.post(TOKEN, data=GRANT | {"client_id": NAME, "client_secret": "wrong"}),
        await client.post(TOKEN, data=GRANT | {"client_secret": secret}),
        await client.post(TOKEN, data=GRANT | {"client_id": NAME}),
        await client.post(TOKEN, data=GRANT),
    ]

    for response in responses:
        assert_invalid_client(response)
    assert {response.text for response in responses} == {responses[0].text}


@pytest.mark.parametrize(
    "authorization",
    [
        pytest.param("", id="empty"),
        pytest.param("Basic", id="scheme alone"),
        pytest.param("Basic !!!", id="no base64"),
        pytest.param("Basic aXRlbXMtc2VydmljZQ==", id="no colon"),
        pytest.param("Basic JTAwOmE=", id="NUL in the name"),
        pytest.param("Basic JUZGOmE=", id="encoded bytes that are no UTF-8"),
        pytest.param("Basic w6k6YQ==", id="bytes that are no ASCII"),
        pytest.param("Bearer {secret}", id="another scheme"),
    ],
)
async def test_a_header_that_is_no_http_basic_is_refused(
    client: httpx.AsyncClient, secret: str, authorization: str
) -> None:
    headers = {"Authorization": authorization.format(secret=secret)}

    response = await client.post(TOKEN, data=GRANT, headers=headers)

    assert_invalid_client(response)


async def test_two_headers_are_refused_although_both_are_right(client: httpx.AsyncClient, secret: str) -> None:
    [header] = basic(NAME, secret).items()

    response = await client.post(TOKEN, data=GRANT, headers=[header, header])

    assert_invalid_client(response)


@pytest.mark.parametrize(
    "form",
    [
        pytest.param({"client_id": NAME, "client_secret": "{secret}"}, id="the same credentials twice"),
        pytest.param({"client_secret": "{secret}"}, id="the secret twice"),
        pytest.param({"client_id": "another"}, id="another client in the form"),
    ],
)
async def test_a_client_authenticates_once(client: httpx.AsyncClient, secret: str, form: dict[str, str]) -> None:
    form = {name: value.format(secret=secret) for name, value in form.items()}

    response = await client.post(TOKEN, data=GRANT | form, headers=basic(NAME, secret))

    assert_refused(response, "invalid_request")


async def test_the_form_may_name_the_client_of_the_header(client: httpx.AsyncClient, secret: str) -> None:
    response = await client.post(TOKEN, data=GRANT | {"client_id": NAME}, headers=basic(NAME, secret))

    assert response.status_code == 200


async def test_a_refused_client_is_on_record(
    client: httpx.AsyncClient, secret: str, stored: asyncpg.Connection
) -> None:
    await client.post(TOKEN, data=GRANT, headers=basic(NAME, "wrong"))
    await client.post(TOKEN, data=GRANT, headers=basic("unknown-4711", secret))

    names = "SELECT details->>'client_id' AS name FROM audit_events WHERE type = 'client.refused' ORDER BY id"
    assert [row["name"] for row in await stored.fetch(names)] == ["items-service", ""]


async def test_a_refresh_token_is_exchanged_for_a_new_pair(client: httpx.AsyncClient, new_user: NewUser) -> None:
    pair = (await new_user()).token

    form = {"grant_type": "refresh_token", "refresh_token": pair.refresh_token}
    response = await client.post(TOKEN, data=form)

    assert response.status_code == 200
    assert set(response.json()) == {"access_token", "refresh_token", "token_type", "expires_in", "scope"}
    assert claims_of(response.json()["access_token"])["sid"] == claims_of(pair.access_token)["sid"]
    assert response.json()["refresh_token"] != pair.refresh_token


@pytest.mark.parametrize("client_form", [{"client_id": "tandem"}, {"client_id": "tandem", "client_secret": ""}])
async def test_the_client_of_sessions_is_public(
    client: httpx.AsyncClient, new_user: NewUser, client_form: dict[str, str]
) -> None:
    form = {"grant_type": "refresh_token", "refresh_token": (await new_user()).token.refresh_token}

    response = await client.post(TOKEN, data=form | client_form)

    assert response.status_code == 200


@pytest.mark.parametrize("refresh_token", ["unknown", "a.b.c", "é"])
async def test_a_refresh_token_that_is_none_is_an_invalid_grant(client: httpx.AsyncClient, refresh_token: str) -> None:
    form = {"grant_type": "refresh_token", "refresh_token": refresh_token}

    response = await client.post(TOKEN, data=form)

    assert_refused(response, "invalid_grant")


async def test_a_reused_refresh_token_ends_its_session_here_too(
    client: httpx.AsyncClient, new_user: NewUser, stored: asyncpg.Connection
) -> None:
    form = {"grant_type": "refresh_token", "refresh_token": (await new_user()).token.refresh_token}
    await client.post(TOKEN, data=form)
    await stored.execute("UPDATE refresh_tokens SET used_at = used_at - interval '11 seconds'")

    response = await client.post(TOKEN, data=form)

    assert_refused(response, "invalid_grant")
    assert await stored.fetchval("SELECT count(*) FROM sessions WHERE ended_at IS NOT NULL") == 1


async def test_another_clients_refresh_token_is_refused_and_stays_valid(
    client: httpx.AsyncClient, new_user: NewUser, secret: str
) -> None:
    form = {"grant_type": "refresh_token", "refresh_token": (await new_user()).token.refresh_token}

    authenticated = await client.post(TOKEN, data=form, headers=basic(NAME, secret))
    named = await client.post(TOKEN, data=form | {"client_id": "another"})
    unauthenticated = await client.post(TOKEN, data=form, headers=basic(NAME, "wrong"))

    assert_refused(authenticated, "invalid_grant")
    assert_refused(named, "invalid_grant")
    assert_invalid_client(unauthenticated)
    assert (await client.post(TOKEN, data=form)).status_code == 200
