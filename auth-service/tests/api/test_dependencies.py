"""What an endpoint may ask for: an access token of this service, of a live session, of an active account."""

import time
from collections.abc import Awaitable, Callable
from typing import Any
from uuid import uuid4

import asyncpg
import httpx
import jwt
import pytest
from fastapi import FastAPI

from auth_service.core.security import create_access_token
from auth_service.schemas.users import UserWithToken
from service_chassis.testing.issuer import TokenIssuer

NewUser = Callable[..., Awaitable[UserWithToken]]


async def get_me(client: httpx.AsyncClient, access_token: str) -> httpx.Response:
    return await client.get("/api/v1/users/me", headers={"Authorization": f"Bearer {access_token}"})


def claims_of(user: UserWithToken) -> dict[str, Any]:
    claims: dict[str, Any] = jwt.decode(user.token.access_token, options={"verify_signature": False})
    return claims


async def signed(app: FastAPI, claims: dict[str, Any]) -> str:
    """Sign claims with the service's own key."""
    return create_access_token(claims, key=await app.state.resources.signing_keys.signing_key())


def assert_invalid(response: httpx.Response) -> None:
    assert (response.status_code, response.json()["code"]) == (401, "invalid_token")
    assert response.headers["WWW-Authenticate"] == 'Bearer error="invalid_token"'


async def test_without_a_token_there_is_nothing_to_see(client: httpx.AsyncClient) -> None:
    response = await client.get("/api/v1/users/me")

    assert (response.status_code, response.json()["code"]) == (401, "missing_token")
    assert response.headers["WWW-Authenticate"] == "Bearer"


async def test_claims_signed_with_the_services_key_are_believed(
    app: FastAPI, client: httpx.AsyncClient, new_user: NewUser
) -> None:
    user = await new_user()

    response = await get_me(client, await signed(app, claims_of(user)))

    assert response.json()["id"] == str(user.id)


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"iss": "https://elsewhere.example.com"}, id="another issuer"),
        pytest.param({"aud": "tandem-services"}, id="another audience"),
        pytest.param({"iat": int(time.time()) - 900, "exp": int(time.time()) - 1}, id="expired"),
        pytest.param({"sub": str(uuid4())}, id="somebody else's session"),
        pytest.param({"sid": str(uuid4())}, id="no session"),
        pytest.param({"sub": "items-service"}, id="a machine client"),
    ],
)
async def test_other_claims_are_not_believed(
    app: FastAPI, client: httpx.AsyncClient, new_user: NewUser, changes: dict[str, Any]
) -> None:
    user = await new_user()

    response = await get_me(client, await signed(app, claims_of(user) | changes))

    assert_invalid(response)


async def test_another_issuers_key_is_not_believed(
    client: httpx.AsyncClient, new_user: NewUser, issuer: TokenIssuer
) -> None:
    user = await new_user()

    response = await get_me(client, issuer.token(**claims_of(user)))

    assert_invalid(response)


async def test_another_key_under_the_services_key_id_is_not_believed(
    client: httpx.AsyncClient, new_user: NewUser, issuer: TokenIssuer
) -> None:
    user = await new_user()
    headers = jwt.get_unverified_header(user.token.access_token)

    response = await get_me(client, issuer.token(headers=headers, **claims_of(user)))

    assert_invalid(response)


async def test_a_refresh_token_is_no_access_token(client: httpx.AsyncClient, new_user: NewUser) -> None:
    user = await new_user()

    response = await get_me(client, user.token.refresh_token)

    assert_invalid(response)


@pytest.mark.parametrize("scope", ["", "items:read items:write", "admin", "users:meow"])
async def test_a_token_without_the_scope_is_not_enough(
    app: FastAPI, client: httpx.AsyncClient, new_user: NewUser, scope: str
) -> None:
    user = await new_user()

    response = await get_me(client, await signed(app, claims_of(user) | {"scope": scope}))

    assert (response.status_code, response.json()["code"]) == (403, "insufficient_scope")
    assert response.headers["WWW-Authenticate"] == 'Bearer error="insufficient_scope"'


@pytest.mark.parametrize(
    "change",
    [
        pytest.param("UPDATE sessions SET expires_at = now()", id="session too old"),
        pytest.param("UPDATE sessions SET ended_at = now()", id="session ended"),
        pytest.param("DELETE FROM users", id="account deleted"),
    ],
)
async def test_a_token_of_a_session_that_is_over_is_not_believed(
    client: httpx.AsyncClient, new_user: NewUser, stored: asyncpg.Connection, change: str
) -> None:
    user = await new_user()
    await stored.execute(change)

    response = await get_me(client, user.token.access_token)

    assert_invalid(response)


async def test_an_inactive_account_is_refused(
    client: httpx.AsyncClient, new_user: NewUser, stored: asyncpg.Connection
) -> None:
    user = await new_user()
    await stored.execute("UPDATE users SET is_active = false")

    response = await get_me(client, user.token.access_token)

    assert (response.status_code, response.json()["code"]) == (403, "inactive_user")
