"""What a standard client is told: true of this server, whatever host a request names."""

import asyncio
from collections.abc import Callable

import httpx
import pytest
from authlib.oauth2.rfc8414 import AuthorizationServerMetadata
from fastapi import FastAPI

from auth_service.commands import main
from service_chassis.testing.clients import running_client
from service_chassis.testing.commands import run_command
from service_chassis.testing.databases import EmptyableDatabase

ISSUER = "https://tandem.example.com"
OAUTH = "/.well-known/oauth-authorization-server"
OPENID = "/.well-known/openid-configuration"


async def test_the_metadata_say_where_things_are_and_what_is_supported(new_app: Callable[..., FastAPI]) -> None:
    async with running_client(new_app(token_issuer=ISSUER)) as client:
        metadata = (await client.get(OAUTH)).json()

    assert metadata == {
        "issuer": ISSUER,
        "token_endpoint": f"{ISSUER}/api/v1/auth/token",
        "jwks_uri": f"{ISSUER}/.well-known/jwks.json",
        "scopes_supported": ["items:read", "items:write", "users:me", "admin", "events:read"],
        "response_types_supported": [],
        "grant_types_supported": ["client_credentials", "refresh_token"],
        "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post", "none"],
    }


async def test_both_documents_say_the_same(client: httpx.AsyncClient) -> None:
    oauth, openid = (await client.get(OAUTH)).json(), (await client.get(OPENID)).json()

    assert openid == oauth | {
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["ES256"],
    }


@pytest.mark.parametrize("path", [OAUTH, OPENID])
async def test_the_host_of_a_request_changes_nothing(client: httpx.AsyncClient, path: str) -> None:
    headers = {"Host": "evil.example", "X-Forwarded-Host": "evil.example", "X-Forwarded-Proto": "https"}

    response = await client.get(path, headers=headers)

    assert response.json() == (await client.get(path)).json()
    assert "evil" not in response.text


@pytest.mark.parametrize("path", [OAUTH, OPENID])
async def test_a_document_may_be_kept_as_long_as_the_keys(client: httpx.AsyncClient, path: str) -> None:
    response = await client.get(path)

    keys = await client.get("/.well-known/jwks.json")
    assert response.headers["Content-Type"] == "application/json"
    assert response.headers["Cache-Control"] == keys.headers["Cache-Control"] == "public, max-age=60"


async def test_a_base_url_may_end_with_a_slash(new_app: Callable[..., FastAPI]) -> None:
    async with running_client(new_app(token_issuer=f"{ISSUER}/")) as client:
        metadata = (await client.get(OAUTH)).json()

    assert (metadata["issuer"], metadata["jwks_uri"]) == (f"{ISSUER}/", f"{ISSUER}/.well-known/jwks.json")


@pytest.mark.parametrize("algorithm", ["RS256", "EdDSA"])
async def test_the_algorithms_are_those_of_the_published_keys(
    new_app: Callable[..., FastAPI], client: httpx.AsyncClient, database: EmptyableDatabase, algorithm: str
) -> None:
    await client.get(OPENID)
    environment = {
        "ENVIRONMENT": "local",
        "AUTH_DATABASE_URL": database.url.get_secret_value(),
        "ALGORITHM": algorithm,
    }

    rotated = await asyncio.to_thread(run_command, main, "keys", "rotate", environment=environment)

    assert rotated.exit_code == 0, rotated.errors
    async with running_client(new_app()) as other:
        metadata = (await other.get(OPENID)).json()
    assert metadata["id_token_signing_alg_values_supported"] == sorted(["ES256", algorithm])


async def test_every_member_is_of_the_form_that_rfc_8414_demands(new_app: Callable[..., FastAPI]) -> None:
    async with running_client(new_app(token_issuer=ISSUER)) as client:
        metadata = AuthorizationServerMetadata((await client.get(OAUTH)).json())

    # It takes an empty list for a missing one; there is no authorization endpoint, so no response type is true.
    for key in set(metadata.REGISTRY_KEYS) - {"authorization_endpoint", "response_types_supported"}:
        getattr(metadata, f"validate_{key}")()
    assert metadata.keys() <= set(metadata.REGISTRY_KEYS)
