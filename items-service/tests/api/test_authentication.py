import time
from typing import Any
from uuid import uuid4

import httpx
import pytest
from fastapi import FastAPI

from items_service.core.config import Settings
from items_service.main import create_app
from service_chassis.testing.clients import running_client
from service_chassis.testing.issuer import TokenIssuer
from service_chassis.testing.key_server import KeyServer

ITEMS = "/api/v1/items"


async def get_items(client: httpx.AsyncClient, token: str) -> httpx.Response:
    return await client.get(ITEMS, headers={"Authorization": f"Bearer {token}"})


async def test_without_a_token_nothing_is_shown(anonymous: httpx.AsyncClient) -> None:
    response = await anonymous.get(ITEMS)

    assert response.status_code == 401
    assert response.headers["WWW-Authenticate"] == "Bearer"
    assert response.json()["code"] == "missing_token"


async def test_a_token_signed_with_a_published_key_is_accepted(
    anonymous: httpx.AsyncClient, issuer: TokenIssuer
) -> None:
    response = await get_items(anonymous, issuer.token())

    assert response.status_code == 200


@pytest.mark.parametrize(
    "claims", [{"aud": "other"}, {"iss": "https://evil.example"}, {"exp": int(time.time()) - 1}, {"sub": "admin"}]
)
async def test_a_token_that_was_not_made_for_this_service_is_refused(
    anonymous: httpx.AsyncClient, issuer: TokenIssuer, claims: dict[str, Any]
) -> None:
    response = await get_items(anonymous, issuer.token(**claims))

    assert response.status_code == 401
    assert response.json()["code"] == "invalid_token"


async def test_a_token_of_another_issuer_with_the_same_key_id_is_refused(anonymous: httpx.AsyncClient) -> None:
    response = await get_items(anonymous, TokenIssuer().token())

    assert response.status_code == 401


@pytest.mark.parametrize(
    ("method", "scope"), [("GET", "items:write"), ("POST", "items:read"), ("GET", "users:me"), ("GET", "")]
)
async def test_a_token_without_the_scope_is_forbidden_to_do_it(
    anonymous: httpx.AsyncClient, issuer: TokenIssuer, method: str, scope: str
) -> None:
    headers = issuer.authorization(uuid4(), scope=scope)

    response = await anonymous.request(method, ITEMS, headers=headers, json={"title": "x"})

    assert response.status_code == 403
    assert response.json()["code"] == "insufficient_scope"


async def test_valid_tokens_are_served_while_auth_service_is_away(
    anonymous: httpx.AsyncClient, issuer: TokenIssuer, key_server: KeyServer
) -> None:
    assert (await get_items(anonymous, issuer.token())).status_code == 200

    key_server.status = 503

    assert (await get_items(anonymous, issuer.token())).status_code == 200
    assert (await get_items(anonymous, TokenIssuer("unknown-key").token())).status_code == 401


async def test_a_replica_that_starts_while_auth_service_is_away_knows_the_keys_of_the_one_before(
    settings: Settings, anonymous: httpx.AsyncClient, issuer: TokenIssuer, key_server: KeyServer
) -> None:
    assert (await get_items(anonymous, issuer.token())).status_code == 200
    key_server.status = 503

    async with running_client(create_app(settings)) as client_of_new_replica:
        response = await get_items(client_of_new_replica, issuer.token())

    assert response.status_code == 200


async def test_while_no_key_was_ever_received_tokens_are_not_called_invalid(
    app: FastAPI, issuer: TokenIssuer, key_server: KeyServer
) -> None:
    key_server.status = 500

    async with running_client(app) as anonymous:
        response = await get_items(anonymous, issuer.token())

    assert response.status_code == 503
    assert response.headers["Retry-After"] == "1"
    assert response.json()["code"] == "verification_keys_unavailable"
