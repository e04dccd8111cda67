"""The pair behind a real PgBouncer as the chart sets it: in transaction mode, an old one in session mode."""

import os
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import helm_python
import httpx
import pytest
import yaml
from sqlalchemy.engine import URL, make_url

from local_stack.pair_settings import PairSettings
from local_stack.ports import LOOPBACK, free_port
from local_stack.running_pair import RunningPair, running_pair
from local_stack.services import SERVICES
from service_chassis.testing.fixtures import NewDatabase

pytestmark = pytest.mark.resilience
TANDEM = Path(__file__).parents[2] / "deploy" / "charts" / "tandem"
# The first version that keeps track of prepared statements in transaction mode.
TRANSACTION_MODE_SINCE = (1, 21)
# So few that everybody's statements meet on each of them.
CONNECTIONS = 2
# Before that, each connection of the services needs one of its own.
CONNECTIONS_BY_SESSION = 60
PEOPLE = 12
API = "/api/v1"
START_SECONDS = 10


def version_of(program: str) -> tuple[int, ...]:
    told = subprocess.run([program, "--version"], capture_output=True, check=True, text=True).stdout
    return tuple(map(int, re.findall(r"\d+", told)[:2]))


@pytest.fixture(scope="module")
def program() -> str:
    found = shutil.which("pgbouncer", path=f"{os.environ['PATH']}:/usr/sbin")
    if found is None:
        pytest.skip("PgBouncer is not installed")
    return found


@pytest.fixture(scope="module")
def parameters(program: str) -> dict[str, str]:
    """What the chart tells PgBouncer, and an older one what the chart's README says of it."""
    cnpg = {"database": {"cnpg": {"enabled": True, "pooler": {"enabled": True}}}}
    with helm_python.Chart.load(TANDEM) as chart:
        rendered = chart.render({"auth-service": cnpg})["tandem/charts/auth-service/templates/cnpg.yaml"]
    pooler: dict[str, Any] = next(document for document in yaml.safe_load_all(rendered) if document["kind"] == "Pooler")
    given: dict[str, str] = pooler["spec"]["pgbouncer"]["parameters"]
    if version_of(program) < TRANSACTION_MODE_SINCE:
        del given["max_prepared_statements"]
        return given | {"pool_mode": "session", "default_pool_size": str(CONNECTIONS_BY_SESSION)}
    return given | {"pool_mode": pooler["spec"]["pgbouncer"]["poolMode"], "default_pool_size": str(CONNECTIONS)}


@pytest.fixture(scope="module")
def pooled(
    program: str, parameters: dict[str, str], new_empty_database: NewDatabase, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, str]]:
    """The addresses of two empty databases behind PgBouncer, by the name of their setting."""
    directory = tmp_path_factory.mktemp("pgbouncer")
    databases = {
        service: make_url(new_empty_database(f"{service.database}_pooled").url.get_secret_value())
        for service in SERVICES
    }
    port = free_port()
    configuration = directory / "pgbouncer.ini"
    settings = parameters | {"listen_addr": LOOPBACK, "listen_port": str(port)}
    settings |= {"auth_type": "any", "unix_socket_dir": ""}
    lines = ["[databases]", *(connection_string(url) for url in databases.values()), "[pgbouncer]"]
    lines += [f"{name} = {value}" for name, value in settings.items()]
    configuration.write_text("\n".join(lines) + "\n", encoding="utf-8")
    configuration.chmod(0o644)
    for folder in (directory, *directory.parents[:3]):
        folder.chmod(folder.stat().st_mode | 0o555)
    # It refuses to be root.
    account = ["-u", "nobody"] if os.geteuid() == 0 else []
    with (directory / "pgbouncer.log").open("wb") as log:
        process = subprocess.Popen([program, *account, str(configuration)], stdout=log, stderr=log)
    try:
        wait_until_it_listens(port, process)
        yield {
            f"{service.prefix}DATABASE_URL": f"postgresql://anybody@{LOOPBACK}:{port}/{url.database}"
            for service, url in databases.items()
        }
    finally:
        process.terminate()
        process.wait()


def connection_string(url: URL) -> str:
    return f"{url.database} = host={url.host} port={url.port} user={url.username} password={url.password}"


def wait_until_it_listens(port: int, process: subprocess.Popen[bytes]) -> None:
    give_up_at = time.monotonic() + START_SECONDS
    while True:
        try:
            httpx.get(f"http://{LOOPBACK}:{port}")
        except httpx.ConnectError:
            assert process.poll() is None
            assert time.monotonic() < give_up_at
            time.sleep(0.05)
        except httpx.TransportError:
            return


@pytest.fixture(scope="module")
def pair(pooled: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningPair]:
    directory = tmp_path_factory.mktemp("pair")
    settings = PairSettings(
        port=free_port(), working_directory=directory, environment={**os.environ, **pooled}, durable=False
    )
    with running_pair(settings, state_directory=directory / "state") as pair:
        yield pair


def test_everybody_works_at_once(pair: RunningPair) -> None:
    with ThreadPoolExecutor(PEOPLE) as people:
        titles = list(people.map(lambda number: work(pair.base_url, number), range(PEOPLE)))

    assert titles == [[f"{number}: {step}" for step in range(5, 0, -1)] for number in range(PEOPLE)]


def test_an_ended_session_is_refused_everywhere(pair: RunningPair) -> None:
    with httpx.Client(base_url=pair.base_url, timeout=10) as client:
        tokens = register(client, "leaver@example.com")
        headers = {"Authorization": f"Bearer {tokens['access_token']}"}
        assert client.get(f"{API}/items", headers=headers).status_code == 200

        client.post(f"{API}/auth/logout", json={"refresh_token": tokens["refresh_token"]}).raise_for_status()

        give_up_at = time.monotonic() + START_SECONDS
        while client.get(f"{API}/items", headers=headers).status_code != 401:
            assert time.monotonic() < give_up_at
            time.sleep(0.1)


def work(base_url: str, number: int) -> list[str]:
    """Create, change, read and list items, each answer held to what was asked."""
    with httpx.Client(base_url=base_url, timeout=20) as client:
        tokens = register(client, f"person-{number}@example.com")
        client.headers["Authorization"] = f"Bearer {tokens['access_token']}"
        for step in range(1, 6):
            created = client.post(f"{API}/items", json={"title": "new"}).raise_for_status().json()
            title = {"title": f"{number}: {step}"}
            client.patch(f"{API}/items/{created['id']}", json=title).raise_for_status()
            assert client.get(f"{API}/items/{created['id']}").raise_for_status().json()["title"] == title["title"]
        listed = client.get(f"{API}/items").raise_for_status().json()["items"]
    return [item["title"] for item in listed]


def register(client: httpx.Client, email: str) -> dict[str, str]:
    answer = client.post(f"{API}/auth/register", json={"email": email, "password": "correct horse battery staple"})
    tokens: dict[str, str] = answer.raise_for_status().json()["token"]
    return tokens
