"""auth-service away, starting, or answering nonsense: valid tokens are served, and nothing is a 5xx for want of it."""

import asyncio
import hashlib
import hmac
import json
import time
from collections.abc import AsyncIterator, Callable
from typing import Any
from uuid import uuid4

import asyncpg
import httpx
import pytest
from fastapi import FastAPI
from pydantic import SecretStr

from items_service.core.config import Settings
from items_service.main import create_app
from service_chassis.base64url import decode_base64url, encode_base64url
from service_chassis.testing.clients import running_client
from service_chassis.testing.databases import EmptyableDatabase
from service_chassis.testing.issuer import TokenIssuer, compact_token
from service_chassis.testing.key_server import KeyServer

ITEMS = "/api/v1/items"
SHARED_SECRET = b"a secret that everybody knows by now"
PATIENCE_SECONDS = 5.0


@pytest.fixture
async def kept_keys(database: EmptyableDatabase, issuer: TokenIssuer) -> AsyncIterator[bytes]:
    """Let the service have kept the good key set of a former run."""
    await database.execute("INSERT INTO trusted_keys (document) VALUES ($1)", issuer.key_set())
    yield issuer.key_set()
    await database.empty()


@pytest.fixture
async def stored(database: EmptyableDatabase) -> AsyncIterator[asyncpg.Connection]:
    """Look into the database past the service."""
    connection = await asyncpg.connect(database.url.get_secret_value())
    yield connection
    await connection.close()


async def status(client: httpx.AsyncClient, token: str) -> int:
    return (await client.get(ITEMS, headers={"Authorization": f"Bearer {token}"})).status_code


async def until_asked(key_server: KeyServer, times: int = 1) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while key_server.requests < times:  # noqa: ASYNC110  # the server lives in another thread
            await asyncio.sleep(0.01)


async def status_after(status_before: int, *, client: httpx.AsyncClient, token: str) -> int:
    """Return the first status that is another one."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while (present := await status(client, token)) == status_before:  # noqa: ASYNC110  # time and a retry change it
            await asyncio.sleep(0.02)
    return present


def shared_secret(key_id: str) -> dict[str, Any]:
    return {"kty": "oct", "k": encode_base64url(SHARED_SECRET), "kid": key_id, "alg": "HS256", "use": "sig"}


def signed_with_the_shared_secret(issuer: TokenIssuer, *, key_id: str, algorithm: str) -> str:
    header = json.dumps({"alg": algorithm, "typ": "at+jwt", "kid": key_id}).encode()
    payload = decode_base64url(issuer.token().split(".")[1])
    return compact_token(header, payload, sign=lambda message: hmac.digest(SHARED_SECRET, message, hashlib.sha256))


STRANGER = TokenIssuer("stranger")
NONSENSE: dict[str, dict[str, Any]] = {
    "HTML": {"document": b"<!doctype html><title>Sign in</title>"},
    "a list": {"document": b"[]"},
    "no keys": {"document": b'{"keys":[]}'},
    "a redirect": {"document": STRANGER.key_set(), "status": 302, "headers": {"Location": "/elsewhere"}},
    "20,000 keys": {"document": json.dumps({"keys": [STRANGER.public_jwk()] * 20_000}).encode()},
    "one byte per second": {"document": STRANGER.key_set(), "seconds_between_bytes": 1.0},
    "a shared secret": {"document": json.dumps({"keys": [shared_secret("test-key")]}).encode()},
    "another shared secret": {"document": json.dumps({"keys": [shared_secret("secret")]}).encode()},
    "an error": {"document": STRANGER.key_set(), "status": 500},
    "nothing": {"document": b""},
}


@pytest.mark.parametrize("answer", [pytest.param(answer, id=name) for name, answer in NONSENSE.items()])
async def test_whatever_auth_service_answers_the_last_good_keys_stay(
    kept_keys: bytes,
    settings: Settings,
    key_server: KeyServer,
    issuer: TokenIssuer,
    stored: asyncpg.Connection,
    answer: dict[str, Any],
) -> None:
    for name, value in answer.items():
        setattr(key_server, name, value)

    async with running_client(create_app(settings)) as client:
        await until_asked(key_server)
        of_a_stranger = await status(client, STRANGER.token())
        of_the_secret = [
            await status(client, signed_with_the_shared_secret(issuer, key_id=key_id, algorithm=algorithm))
            for key_id in ("test-key", "secret")
            for algorithm in ("HS256", "ES256")
        ]
        ours = await status(client, issuer.token())

    assert (ours, of_a_stranger, of_the_secret) == (200, 401, [401] * 4)
    assert await stored.fetchval("SELECT document FROM trusted_keys") == kept_keys


async def test_a_shared_secret_beside_good_keys_is_left_out(
    app: FastAPI, key_server: KeyServer, issuer: TokenIssuer
) -> None:
    key_server.document = json.dumps({"keys": [issuer.public_jwk(), shared_secret("secret")]}).encode()

    async with running_client(app) as client:
        ours = await status(client, issuer.token())
        of_the_secret = await status(client, signed_with_the_shared_secret(issuer, key_id="secret", algorithm="HS256"))

    assert (ours, of_the_secret) == (200, 401)


async def test_while_auth_service_is_away_a_token_works_until_it_expires(
    anonymous: httpx.AsyncClient, key_server: KeyServer, issuer: TokenIssuer
) -> None:
    assert await status(anonymous, issuer.token()) == 200
    key_server.status = 503
    expires_at = int(time.time()) + 2
    token = issuer.token(exp=expires_at)

    assert await status(anonymous, token) == 200
    assert await status_after(200, client=anonymous, token=token) == 401
    assert time.time() >= expires_at


async def test_a_replica_that_starts_while_auth_service_is_away_is_ready_and_knows_the_keys_of_the_one_before(
    settings: Settings, anonymous: httpx.AsyncClient, key_server: KeyServer, issuer: TokenIssuer
) -> None:
    assert await status(anonymous, issuer.token()) == 200
    key_server.status = 503

    async with running_client(create_app(settings)) as client_of_new_replica:
        ready = await client_of_new_replica.get("/health/ready")
        answers = [await status(client_of_new_replica, token) for token in (issuer.token(), STRANGER.token())]

    assert ready.status_code == 200
    assert answers == [200, 401]


async def test_while_no_key_was_ever_received_tokens_are_not_called_invalid(
    app: FastAPI, issuer: TokenIssuer, key_server: KeyServer
) -> None:
    key_server.status = 500

    async with running_client(app) as client:
        response = await client.get(ITEMS, headers=issuer.authorization(uuid4()))

    assert response.status_code == 503
    assert response.headers["Retry-After"] == "1"
    assert response.json()["code"] == "verification_keys_unavailable"


async def test_the_first_keys_are_found_without_a_restart(
    app: FastAPI, issuer: TokenIssuer, key_server: KeyServer
) -> None:
    key_server.status = 500
    async with running_client(app) as client:
        assert await status(client, issuer.token()) == 503

        key_server.status = 200

        assert await status_after(503, client=client, token=issuer.token()) == 200


@pytest.mark.usefixtures("kept_keys")
async def test_500_tokens_of_unknown_keys_cost_three_questions_at_most_and_delay_nobody(
    settings: Settings, key_server: KeyServer, issuer: TokenIssuer
) -> None:
    strangers = [TokenIssuer(str(uuid4())) for _ in range(5)]
    tokens = [strangers[number % 5].token(headers={"kid": str(uuid4())}) for number in range(500)]
    key_server.may_answer.clear()

    async with running_client(create_app(settings)) as client:
        first = [asyncio.create_task(status(client, token)) for token in tokens[:50]]
        await until_asked(key_server)
        ours = await status(client, issuer.token())
        waiting = [answer for answer in first if not answer.done()]

        key_server.may_answer.set()

        assert (ours, len(waiting)) == (200, 50)
        assert await asyncio.gather(*first, *(status(client, token) for token in tokens[50:])) == [401] * 500
    assert key_server.requests <= 3


@pytest.mark.usefixtures("kept_keys")
async def test_who_gets_no_token_for_the_feed_serves_says_so_and_leaves_the_feed_to_others(
    new_settings: Callable[..., Settings],
    issuer: TokenIssuer,
    stored: asyncpg.Connection,
    capsys: pytest.CaptureFixture[str],
) -> None:
    # The key server answers no POST.
    settings = new_settings(feed_client_id="items-service", feed_client_secret=SecretStr("what nobody knows"))
    said = ""

    async with running_client(create_app(settings)) as client:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while "no token: answered with status 501" not in said:
                await asyncio.sleep(0.01)
                said += capsys.readouterr().out
        answered = await status(client, issuer.token())

    assert answered == 200
    assert await stored.fetch("SELECT FROM feed_cursor WHERE lease_holder IS NOT NULL") == []
