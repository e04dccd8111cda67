"""The signing keys that replicas share through the database."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from datetime import timedelta

import asyncpg
import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.serialization import load_der_private_key
from fastapi import FastAPI

from auth_service.schemas.users import UserWithToken
from service_chassis.testing.clients import running_client
from service_chassis.testing.issuer import TokenIssuer
from service_chassis.testing.metrics import rise_of

NewUser = Callable[..., Awaitable[UserWithToken]]

JWKS = "/.well-known/jwks.json"
STATEMENTS = "db_client_operation_duration_seconds_count"
OLD_SECRET, NEW_SECRET = "old-secret-" * 3, "new-secret-" * 3


async def get_me(client: httpx.AsyncClient, user: UserWithToken) -> httpx.Response:
    return await get_me_with(client, user.token.access_token)


async def get_me_with(client: httpx.AsyncClient, access_token: str) -> httpx.Response:
    return await client.get("/api/v1/users/me", headers={"Authorization": f"Bearer {access_token}"})


async def register(client: httpx.AsyncClient, email: str) -> UserWithToken:
    body = {"email": email, "password": "correct horse battery staple"}
    return UserWithToken.model_validate_json((await client.post("/api/v1/auth/register", json=body)).content)


def key_id_of(user: UserWithToken) -> str:
    return str(jwt.get_unverified_header(user.token.access_token)["kid"])


async def published_key_ids(client: httpx.AsyncClient) -> list[str]:
    return [key["kid"] for key in (await client.get(JWKS)).json()["keys"]]


async def test_replicas_that_start_at_once_make_one_key(
    new_app: Callable[..., FastAPI], stored: asyncpg.Connection
) -> None:
    async with AsyncExitStack() as replicas:
        clients = [await replicas.enter_async_context(running_client(new_app())) for _ in range(3)]
        responses = await asyncio.gather(*(client.get(JWKS) for client in clients * 3))

    assert await stored.fetchval("SELECT count(*) FROM signing_keys") == 1
    assert len({response.content for response in responses}) == 1


async def test_a_replica_believes_the_tokens_of_another(new_app: Callable[..., FastAPI], new_user: NewUser) -> None:
    user = await new_user()

    async with running_client(new_app()) as replica:
        response = await get_me(replica, user)

    assert response.json()["id"] == str(user.id)


async def test_a_restart_goes_on_with_the_same_key(new_app: Callable[..., FastAPI]) -> None:
    async with running_client(new_app()) as client:
        before = await register(client, "before@example.com")

    async with running_client(new_app()) as client:
        after = await register(client, "after@example.com")

    assert key_id_of(before) == key_id_of(after)


async def test_a_secret_key_put_in_front_goes_on_with_the_same_key(new_app: Callable[..., FastAPI]) -> None:
    async with running_client(new_app(secret_key=OLD_SECRET)) as client:
        before = await register(client, "before@example.com")

    async with running_client(new_app(secret_key=f"{NEW_SECRET},{OLD_SECRET}")) as client:
        after = await register(client, "after@example.com")
        response = await get_me(client, before)

    assert key_id_of(before) == key_id_of(after)
    assert response.status_code == 200


async def test_the_first_secret_key_encrypts(new_app: Callable[..., FastAPI]) -> None:
    async with running_client(new_app(secret_key=f"{NEW_SECRET},{OLD_SECRET}")) as client:
        before = await register(client, "before@example.com")

    async with running_client(new_app(secret_key=NEW_SECRET)) as client:
        after = await register(client, "after@example.com")

    assert key_id_of(before) == key_id_of(after)


async def test_a_replaced_secret_key_makes_a_new_key_and_keeps_publishing_the_old(
    new_app: Callable[..., FastAPI],
) -> None:
    async with running_client(new_app(secret_key=OLD_SECRET)) as client:
        before = await register(client, "before@example.com")

    async with running_client(new_app(secret_key=NEW_SECRET)) as client:
        after = await register(client, "after@example.com")
        published = await published_key_ids(client)
        responses = [await get_me(client, user) for user in (before, after)]

    assert key_id_of(before) != key_id_of(after)
    assert published == [key_id_of(after), key_id_of(before)]
    assert [response.status_code for response in responses] == [200, 200]


@pytest.mark.parametrize("algorithm", ["ES256", "RS256", "EdDSA"])
async def test_a_private_key_is_not_stored_in_the_clear(
    new_app: Callable[..., FastAPI], stored: asyncpg.Connection, algorithm: str
) -> None:
    app = new_app(algorithm=algorithm)
    async with running_client(app) as client:
        await client.get(JWKS)
        der = (await app.state.resources.signing_keys.signing_key()).to_der()

    row = await stored.fetchrow("SELECT sealed_private_key, public_jwk, signing_keys::text AS text FROM signing_keys")
    assert der not in row["sealed_private_key"]
    assert der.hex() not in row["text"]
    assert not {"d", "p", "q", "dp", "dq", "qi"} & set(json.loads(row["public_jwk"]))
    with pytest.raises(ValueError, match="deserialize"):
        load_der_private_key(row["sealed_private_key"], password=None)


async def test_a_key_that_another_replica_has_just_made_is_looked_for(new_app: Callable[..., FastAPI]) -> None:
    async with running_client(new_app(secret_key=OLD_SECRET)) as old, running_client(new_app()) as new:
        await old.get(JWKS)
        user = await register(new, "ada@example.com")

        response = await get_me(old, user)

    assert response.status_code == 200


async def test_a_key_that_cannot_be_decrypted_is_reported_once(
    new_app: Callable[..., FastAPI], capsys: pytest.CaptureFixture[str]
) -> None:
    async with running_client(new_app(secret_key=OLD_SECRET)) as client:
        [lost] = await published_key_ids(client)

    async with running_client(new_app(secret_key=NEW_SECRET)) as client:
        for stranger in ("a", "b"):
            await get_me_with(client, TokenIssuer(stranger).token())

    lines = [line for line in capsys.readouterr().out.splitlines() if "can't be decrypted" in line]
    assert [lost in line for line in lines] == [True]


async def test_requests_cost_no_reading_and_strangers_share_them(app: FastAPI, client: httpx.AsyncClient) -> None:
    await client.get(JWKS)
    keys = app.state.resources.signing_keys
    known = str((await keys.signing_key()).key_id)

    with rise_of(STATEMENTS, db_operation_name="SELECT") as for_requests:
        for _ in range(100):
            await asyncio.gather(keys.signing_key(), keys.key_set(), keys.keys_for(known))
    with rise_of(STATEMENTS, db_operation_name="SELECT") as for_strangers:
        await asyncio.gather(*(keys.keys_for(str(number)) for number in range(200)))

    # The follower may have read in between.
    assert for_requests.by <= 1
    assert 1 <= for_strangers.by <= 3


@pytest.mark.parametrize(("minutes", "at_least_minutes"), [(1, 5), (15, 15), (1440, 1440)])
async def test_a_key_stays_published_for_as_long_as_peoples_and_services_tokens_live(
    new_app: Callable[..., FastAPI], stored: asyncpg.Connection, minutes: int, at_least_minutes: int
) -> None:
    async with running_client(new_app(access_token_expire_minutes=minutes)) as client:
        await client.get(JWKS)

    promised = await stored.fetchval("SELECT published_until - now() FROM signing_keys")
    assert promised > timedelta(minutes=at_least_minutes)
