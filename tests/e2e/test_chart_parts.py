"""What the chart brings along, at work before the running pair: its journey and its gateway."""

import shutil
import subprocess
import sys
import sysconfig
import time
from collections.abc import Iterator
from pathlib import Path

import helm_python
import httpx
import pytest
import yaml

from local_stack.ports import free_port
from local_stack.running_pair import RunningPair

TANDEM = Path(__file__).parents[2] / "deploy" / "charts" / "tandem"
START_SECONDS = 15


@pytest.fixture(scope="module")
def gateway(pair: RunningPair, tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """The gateway of the chart, with addresses that exist here in place of the cluster's."""
    directory, web, ping = tmp_path_factory.mktemp("gateway"), free_port(), free_port()
    addresses = {
        "http://tandem-auth-service:8000": pair.auth_url,
        "http://tandem-items-service:8000": pair.items_url,
        ":8080": f"127.0.0.1:{web}",
        ":8082": f"127.0.0.1:{ping}",
        "/etc/traefik": str(directory),
    }
    for name, text in gateway_files().items():
        for inside, here in addresses.items():
            text = text.replace(inside, here)  # noqa: PLW2901  # one address after the other
        (directory / name).write_text(text, encoding="utf-8")
    traefik = shutil.which("traefik", path=sysconfig.get_path("scripts"))
    assert traefik is not None
    process = subprocess.Popen([traefik, f"--configFile={directory / 'traefik.yml'}"])
    try:
        wait_until_it_answers(f"http://127.0.0.1:{ping}/ping")
        # It answers pings before it has read its routes.
        wait_until_it_answers(f"http://127.0.0.1:{web}/.well-known/jwks.json")
        with httpx.Client(base_url=f"http://127.0.0.1:{web}", timeout=10) as client:
            yield client
    finally:
        # Asked to end, it would wait for what has not been asked yet.
        process.kill()
        process.wait()


def gateway_files() -> dict[str, str]:
    with helm_python.Chart.load(TANDEM) as chart:
        rendered = chart.render({}, name="tandem")["tandem/templates/gateway.yaml"]
    files: dict[str, str] = next(yaml.safe_load_all(rendered))["data"]
    return files


def wait_until_it_answers(url: str) -> None:
    give_up_at = time.monotonic() + START_SECONDS
    while True:
        try:
            httpx.get(url).raise_for_status()
        except httpx.HTTPError:
            if time.monotonic() > give_up_at:
                raise
            time.sleep(0.05)
        else:
            return


def test_a_journey_through_a_healthy_pair_comes_to_its_end(pair: RunningPair) -> None:
    finished = walk(pair.auth_url, pair.items_url)

    assert finished.returncode == 0, finished.stderr
    assert finished.stdout == "Every journey came to its end.\n"


def test_a_journey_ends_where_an_answer_is_another(pair: RunningPair) -> None:
    finished = walk(pair.items_url, pair.auth_url)

    assert finished.returncode == 1
    assert "/api/v1/items: 404 not_found, not 401" in finished.stderr


def walk(auth_url: str, items_url: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(TANDEM / "files" / "journey.py"), auth_url, items_url]
    return subprocess.run(command, capture_output=True, check=False, text=True)


@pytest.mark.parametrize(
    ("path", "status_code"),
    [
        ("/api/v1/users/me", 401),
        ("/api/v1/items", 401),
        ("/.well-known/jwks.json", 200),
        ("/docs", 200),
        ("/api/v1/items/openapi.json", 200),
    ],
)
def test_the_gateway_lets_in_what_is_public(gateway: httpx.Client, path: str, status_code: int) -> None:
    answer = gateway.get(path)

    assert answer.status_code == status_code
    assert "X-Request-ID" in answer.headers


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/health",
        "/health/ready",
        "/metrics",
        "/internal/events",
        "/api/v1/itemsx",
        "/api/v1",
        "/docsx",
        "/api/v1/items/..%2f..%2f..%2finternal/events",
        "/api/v1/items/../../../internal/events",
    ],
)
def test_the_gateway_lets_in_nothing_else(gateway: httpx.Client, path: str) -> None:
    url = httpx.URL(f"{gateway.base_url}").copy_with(raw_path=path.encode())

    answer = gateway.get(url)

    assert answer.status_code in {400, 404}
    assert "X-Request-ID" not in answer.headers
