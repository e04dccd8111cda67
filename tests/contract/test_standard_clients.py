"""Clients and verifiers that nobody here wrote, given the base URL and what is published under it."""

import importlib
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import httpx
import pytest
from joserfc import jwt
from joserfc.jwk import KeySet
from openapi_python_client import generate
from openapi_python_client.config import Config, ConfigFile, MetaType

from local_stack.running_pair import RunningPair

with warnings.catch_warnings(record=True):
    # It announces at each import, past every filter, that it will use httpx2 one day.
    from authlib.integrations.httpx_client import AsyncOAuth2Client, OAuthError
    from authlib.integrations.starlette_client import OAuth

REPOSITORY = Path(__file__).parents[2]


async def discover(pair: RunningPair) -> dict[str, Any]:
    oauth = OAuth()
    oauth.register("tandem", server_metadata_url=f"{pair.base_url}/.well-known/openid-configuration")
    metadata: dict[str, Any] = await oauth.tandem.load_server_metadata()
    return metadata


def log_in(pair: RunningPair) -> dict[str, Any]:
    form = {"username": pair.superuser_email, "password": pair.superuser_password}
    pairs: dict[str, Any] = httpx.post(f"{pair.base_url}/api/v1/auth/login", data=form).json()
    return pairs


@pytest.mark.parametrize("method", ["client_secret_basic", "client_secret_post"])
async def test_authlib_gets_a_token_where_the_discovery_says(pair: RunningPair, method: str) -> None:
    metadata = await discover(pair)
    assert method in metadata["token_endpoint_auth_methods_supported"]

    async with AsyncOAuth2Client(
        "items-service", pair.feed_client_secret, token_endpoint_auth_method=method, scope="events:read"
    ) as client:
        token = await client.fetch_token(metadata["token_endpoint"], grant_type="client_credentials")

    assert (token["scope"], token["expires_in"], "refresh_token" in token) == ("events:read", 300, False)


async def test_authlib_refreshes_a_session(pair: RunningPair) -> None:
    metadata, session = await discover(pair), log_in(pair)

    async with AsyncOAuth2Client("tandem", token_endpoint_auth_method="none", token=session) as client:
        token = await client.refresh_token(metadata["token_endpoint"])
        account = await client.get(f"{pair.base_url}/api/v1/users/me")

    assert token["refresh_token"] != session["refresh_token"]
    assert account.json()["email"] == pair.superuser_email


async def test_authlib_understands_a_refusal(pair: RunningPair) -> None:
    metadata = await discover(pair)

    async with AsyncOAuth2Client("items-service", "wrong") as client:
        with pytest.raises(OAuthError) as refusal:
            await client.fetch_token(metadata["token_endpoint"], grant_type="client_credentials")

    assert refusal.value.error == "invalid_client"


async def test_joserfc_verifies_an_access_token_with_what_the_discovery_names(pair: RunningPair) -> None:
    metadata, session = await discover(pair), log_in(pair)
    async with httpx.AsyncClient() as client:
        keys = KeySet.import_key_set((await client.get(metadata["jwks_uri"])).json())

    algorithms = metadata["id_token_signing_alg_values_supported"]
    token = jwt.decode(session["access_token"], keys, algorithms=algorithms)

    claims = jwt.JWTClaimsRegistry(
        iss={"essential": True, "value": metadata["issuer"]}, aud={"essential": True, "value": "tandem"}
    )
    claims.validate(token.claims)
    assert token.header["typ"] == "at+jwt"


@pytest.fixture
def generated_client(tmp_path: Path) -> Iterator[ModuleType]:
    """Generate a client from the committed description, and import it."""
    name, directory = "generated_auth_client", tmp_path / "generated_auth_client"
    config = Config.from_sources(
        ConfigFile(package_name_override=name, post_hooks=[]),
        MetaType.NONE,
        REPOSITORY / "auth-service" / "openapi.json",
        file_encoding="utf-8",
        overwrite=False,
        output_path=directory,
    )
    assert generate(config=config) == []
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(tmp_path)
        yield importlib.import_module(name)
    for module in [module for module in sys.modules if module.partition(".")[0] == name]:
        del sys.modules[module]


def test_a_client_generated_from_the_description_logs_in(generated_client: ModuleType, pair: RunningPair) -> None:
    log_in_operation = importlib.import_module("generated_auth_client.api.auth.log_in")
    get_me = importlib.import_module("generated_auth_client.api.users.get_me")
    models = importlib.import_module("generated_auth_client.models")
    right, wrong = (
        models.LogInLoginForm(username=pair.superuser_email, password=password)
        for password in (pair.superuser_password, "wrong")
    )

    with generated_client.Client(pair.base_url) as client:
        refusal = log_in_operation.sync_detailed(client=client, body=wrong)
        tokens = log_in_operation.sync(client=client, body=right)
    with generated_client.AuthenticatedClient(pair.base_url, tokens.access_token) as client:
        account = get_me.sync(client=client)

    assert (refusal.status_code, refusal.parsed.error) == (401, "invalid_grant")
    assert isinstance(tokens, models.TokenPair)
    assert isinstance(account, models.User)
    assert account.email == pair.superuser_email
