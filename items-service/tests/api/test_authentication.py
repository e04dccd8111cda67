from uuid import uuid4

import httpx
import pytest

from service_chassis.testing.issuer import TokenIssuer

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
    ("method", "scope"), [("GET", "items:write"), ("POST", "items:read"), ("GET", "users:me"), ("GET", "")]
)
async def test_a_token_without_the_scope_is_forbidden_to_do_it(
    anonymous: httpx.AsyncClient, issuer: TokenIssuer, method: str, scope: str
) -> None:
    headers = issuer.authorization(uuid4(), scope=scope)

    response = await anonymous.request(method, ITEMS, headers=headers, json={"title": "x"})

    assert response.status_code == 403
    assert response.json()["code"] == "insufficient_scope"
