"""What a token says, how long it lasts, and what is stored of it."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg
import httpx
import jwt
import pytest
from fastapi import FastAPI

from auth_service.schemas.users import UserWithToken
from service_chassis.testing.clients import running_client

NewUser = Callable[..., Awaitable[UserWithToken]]

ADA = {"email": "ada@example.com", "password": "correct horse battery staple"}
ISSUER, AUDIENCE = "https://tandem.example.com", "tandem"


async def register(client: httpx.AsyncClient) -> UserWithToken:
    response = await client.post("/api/v1/auth/register", json=ADA)
    return UserWithToken.model_validate_json(response.content)


async def log_in(client: httpx.AsyncClient) -> dict[str, Any]:
    form = {"username": ADA["email"], "password": ADA["password"]}
    pair: dict[str, Any] = (await client.post("/api/v1/auth/login", data=form)).json()
    return pair


def claims_of(access_token: str) -> dict[str, Any]:
    claims: dict[str, Any] = jwt.decode(access_token, options={"verify_signature": False})
    return claims


async def dump_of_all_tables(stored: asyncpg.Connection) -> str:
    tables = [row["tablename"] for row in await stored.fetch("SELECT * FROM pg_tables WHERE schemaname = 'public'")]
    assert {"users", "sessions", "refresh_tokens", "signing_keys"} <= set(tables)
    # Bytes as text too, whether they are shown as hexadecimal digits or, escaped, as the text itself.
    dump = ""
    for output in ("hex", "escape"):
        await stored.execute(f"SET bytea_output = '{output}'")
        for table in tables:
            rows = await stored.fetch(f'SELECT "{table}"::text AS row FROM "{table}"')  # from pg_tables
            dump += "\n".join(row["row"] for row in rows)
    return dump


async def test_an_access_token_has_the_claims_of_the_contract(new_app: Callable[..., FastAPI]) -> None:
    before = int(datetime.now(UTC).timestamp())

    async with running_client(new_app(token_issuer=ISSUER, access_token_expire_minutes=5)) as client:
        user = await register(client)

    claims = claims_of(user.token.access_token)
    assert set(claims) == {"iss", "aud", "sub", "client_id", "iat", "exp", "jti", "sid", "ver", "scope"}
    assert (claims["iss"], claims["aud"], claims["client_id"]) == (ISSUER, AUDIENCE, "tandem")
    assert claims["sub"] == str(user.id)
    assert claims["scope"] == user.token.scope == "items:read items:write users:me"
    assert claims["ver"] == 0
    assert before <= claims["iat"] <= before + 5
    assert claims["exp"] - claims["iat"] == user.token.expires_in == 300
    assert all(type(claims[name]) is int for name in ("iat", "exp", "ver"))
    assert UUID(claims["jti"]).version == 7


async def test_an_access_token_names_its_session(new_user: NewUser, stored: asyncpg.Connection) -> None:
    user = await new_user()

    claims = claims_of(user.token.access_token)

    assert UUID(claims["sid"]) == await stored.fetchval("SELECT id FROM sessions")


@pytest.mark.parametrize("algorithm", ["ES256", "RS256", "EdDSA"])
async def test_a_standard_library_verifies_a_token_with_the_key_set(
    new_app: Callable[..., FastAPI], algorithm: str
) -> None:
    async with running_client(new_app(algorithm=algorithm, token_issuer=ISSUER)) as client:
        user = await register(client)
        key_set = jwt.PyJWKSet.from_dict((await client.get("/.well-known/jwks.json")).json())
        me = await client.get("/api/v1/users/me", headers={"Authorization": f"Bearer {user.token.access_token}"})

    header = jwt.get_unverified_header(user.token.access_token)
    assert header == {"typ": "at+jwt", "alg": algorithm, "kid": key_set.keys[0].key_id}
    claims = jwt.decode(user.token.access_token, key_set[header["kid"]], [algorithm], issuer=ISSUER, audience=AUDIENCE)
    assert claims["sub"] == str(user.id)
    assert me.status_code == 200


async def test_a_superuser_may_administer(client: httpx.AsyncClient, stored: asyncpg.Connection) -> None:
    await register(client)
    await stored.execute("UPDATE users SET is_superuser = true")

    pair = await log_in(client)

    assert pair["scope"] == "items:read items:write users:me admin"
    assert claims_of(pair["access_token"])["scope"] == pair["scope"]


async def test_a_change_of_rights_shows_in_the_next_token(
    client: httpx.AsyncClient, new_user: NewUser, stored: asyncpg.Connection
) -> None:
    user = await new_user()
    await stored.execute("UPDATE users SET is_superuser = true, rights_version = 3")

    response = await client.post("/api/v1/auth/refresh", json={"refresh_token": user.token.refresh_token})

    claims = claims_of(response.json()["access_token"])
    assert claims["ver"] == 3
    assert "admin" in claims["scope"].split()


async def test_tokens_of_the_same_second_have_different_ids(client: httpx.AsyncClient, new_user: NewUser) -> None:
    user = await new_user()
    body = {"refresh_token": user.token.refresh_token}

    pairs = [(await client.post("/api/v1/auth/refresh", json=body)).json() for _ in range(3)]

    assert len({claims_of(pair["access_token"])["jti"] for pair in pairs}) == 3


async def test_a_session_and_its_tokens_last_as_long_as_the_settings_say(
    new_app: Callable[..., FastAPI], stored: asyncpg.Connection
) -> None:
    async with running_client(new_app(refresh_token_idle_days=2, session_expire_days=5)) as client:
        await register(client)

    token_expires_at = await stored.fetchval("SELECT expires_at FROM refresh_tokens")
    session_expires_at = await stored.fetchval("SELECT expires_at FROM sessions")
    now = datetime.now(UTC)
    assert abs(token_expires_at - now - timedelta(days=2)) < timedelta(minutes=1)
    assert abs(session_expires_at - now - timedelta(days=5)) < timedelta(minutes=1)


async def test_each_refresh_begins_the_idle_time_anew_and_not_the_sessions(
    client: httpx.AsyncClient, new_user: NewUser, stored: asyncpg.Connection
) -> None:
    user = await new_user()
    await stored.execute("UPDATE refresh_tokens SET expires_at = now() + interval '1 minute'")
    session_expires_at = await stored.fetchval("SELECT expires_at FROM sessions")

    await client.post("/api/v1/auth/refresh", json={"refresh_token": user.token.refresh_token})

    token_expires_at = await stored.fetchval("SELECT expires_at FROM refresh_tokens WHERE used_at IS NULL")
    assert token_expires_at - datetime.now(UTC) > timedelta(days=13)
    assert await stored.fetchval("SELECT expires_at FROM sessions") == session_expires_at


async def test_the_text_of_no_token_is_stored(
    client: httpx.AsyncClient, new_user: NewUser, stored: asyncpg.Connection
) -> None:
    user = await new_user()
    refreshed = await client.post("/api/v1/auth/refresh", json={"refresh_token": user.token.refresh_token})
    pairs = [user.token.model_dump(), refreshed.json()]

    dump = await dump_of_all_tables(stored)

    assert str(user.id) in dump
    for token in [pair[name] for pair in pairs for name in ("access_token", "refresh_token")]:
        assert token not in dump
        assert token.encode().hex() not in dump
        assert token.rpartition(".")[2] not in dump


async def test_a_refresh_token_has_256_random_bits(new_user: NewUser) -> None:
    tokens = {(await new_user()).token.refresh_token for _ in range(3)}

    assert len(tokens) == 3
    assert {len(token) for token in tokens} == {43}
