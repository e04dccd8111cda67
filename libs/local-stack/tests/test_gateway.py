import contextlib
import http.server
import subprocess
import threading
import time
from collections.abc import Iterator

import httpx
import pytest

from local_stack.gateway import write_gateway_files
from local_stack.ports import LOOPBACK, free_port

# The tests share one Traefik.
PUBLIC_PATHS = [
    ("/api/v1/auth", "auth"),
    ("/api/v1/auth/login", "auth"),
    ("/api/v1/users", "auth"),
    ("/api/v1/users/me", "auth"),
    ("/.well-known/jwks.json", "auth"),
    ("/docs", "auth"),
    ("/docs/assets/page.js", "auth"),
    ("/api/v1/items", "items"),
    ("/api/v1/items/batch?limit=1&q=a%2Fb", "items"),
]
OTHER_PATHS = [
    "/",
    "/metrics",
    "/health",
    "/health/ready",
    "/internal/events",
    "/dashboard/",
    "/api/rawdata",
    "/ping",
    "/api/v1",
    "/api/v1/itemsx",
    "/api/v1/authorities",
    "/api/v1/items;x",
    "/docsx",
    "/.well-known",
    "/.well-knownx",
    "/API/v1/items",
    "/api/v1/items/../../../metrics",
    "/api/v1/items/%2e%2e/%2e%2e/%2e%2e/internal/events",
]


class Gateway:
    """Traefik on a free port, in front of two services that answer with their name and what they got."""

    def __init__(self, client: httpx.Client) -> None:
        self._client = client

    def get(self, path: str, *, headers: dict[str, str] | None = None) -> httpx.Response:
        # httpx would resolve the dots in a path before sending it.
        url = self._client.base_url.copy_with(raw_path=path.encode())
        return self._client.send(httpx.Request("GET", url, headers=headers))


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    port = free_port()
    folder = tmp_path_factory.mktemp("gateway")
    with _echo("auth") as auth_url, _echo("items") as items_url:
        command = write_gateway_files(folder, port=port, auth_urls=[auth_url], items_urls=[items_url], json_logs=True)
        with (
            subprocess.Popen(command, cwd=folder) as process,
            httpx.Client(base_url=f"http://{LOOPBACK}:{port}", trust_env=False) as client,
        ):
            _wait_for_routes(client)
            yield Gateway(client)
            process.terminate()


@pytest.mark.parametrize(("path", "service"), PUBLIC_PATHS)
def test_a_public_path_reaches_its_service_unchanged(gateway: Gateway, path: str, service: str) -> None:
    assert gateway.get(path).text.splitlines()[0] == f"{service} {path}"


@pytest.mark.parametrize("path", OTHER_PATHS)
def test_every_other_path_is_not_found(gateway: Gateway, path: str) -> None:
    assert gateway.get(path).status_code == 404


@pytest.mark.parametrize("encoded", ["%2F", "%5c", "%00", "%3b", "%25", "%3F", "%23"])
def test_a_path_that_two_readers_could_read_differently_is_refused(gateway: Gateway, encoded: str) -> None:
    assert gateway.get(f"/api/v1/items/a{encoded}b").status_code == 400


def test_a_client_cant_choose_its_own_address(gateway: Gateway) -> None:
    text = gateway.get("/api/v1/items", headers={"X-Forwarded-For": "6.6.6.6", "X_Forwarded_For": "6.6.6.6"}).text

    assert "6.6.6.6" not in text
    assert f"X-Forwarded-For: {LOOPBACK}" in text


@contextlib.contextmanager
def _echo(service: str) -> Iterator[str]:
    class Echo(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = f"{service} {self.path}\n{self.headers}".encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Keep the test's output clean."""

    with http.server.ThreadingHTTPServer((LOOPBACK, 0), Echo) as server:
        threading.Thread(target=server.serve_forever).start()
        yield f"http://{LOOPBACK}:{server.server_port}"
        server.shutdown()


def _wait_for_routes(client: httpx.Client) -> None:
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        with contextlib.suppress(httpx.TransportError):
            if client.get("/docs").is_success:
                return
        time.sleep(0.02)
    raise TimeoutError
