"""A real Prometheus that watches the pair on a faster clock, and somebody who uses it."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import uuid4

import httpx
import pytest

from local_stack.running_pair import RunningPair
from observability.durations import on_a_faster_clock
from observability.generation import FOLDER
from observability.prometheus import Prometheus, PrometheusSettings, running_prometheus

REPOSITORY = Path(__file__).parents[2]
# Five minutes pass in five seconds.
FASTER = 60


@pytest.fixture(scope="module")
def prometheus(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    if shutil.which("prometheus") is None:
        pytest.skip("Prometheus is not installed")
    pair: RunningPair = request.getfixturevalue("pair")
    rules = {
        file.name: on_a_faster_clock(file.read_text(), times=FASTER)
        for file in (REPOSITORY / FOLDER / "rules").glob("*.yaml")
    }
    settings = PrometheusSettings(
        directory=tmp_path_factory.mktemp("prometheus"),
        targets_file=pair.state_directory / "prometheus-targets.json",
        rules=rules,
        interval_seconds=1,
    )
    with running_prometheus(settings) as prometheus:
        yield prometheus


class Person:
    """Does a bit of everything that people do."""

    def __init__(self, client: httpx.Client) -> None:
        self._client = client
        self._credentials = {"username": f"{uuid4()}@example.com", "password": "correct horse"}
        self._client.post(
            "/auth/register",
            json={"email": self._credentials["username"], "password": self._credentials["password"]},
        ).raise_for_status()

    def live_a_day(self) -> None:
        """Log in, work with items, refresh, log out, and get some of it wrong."""
        tokens = self.log_in().json()
        headers = {"Authorization": f"Bearer {tokens['access_token']}"}
        self.work(headers)
        self.mistype()
        refresh = {"refresh_token": tokens["refresh_token"]}
        newer = self._client.post("/auth/refresh", json=refresh).json()
        self._client.post("/auth/logout", json={"refresh_token": newer["refresh_token"]})
        self._client.post("/auth/password-reset", json={"email": self._credentials["username"]})

    def log_in(self) -> httpx.Response:
        return self._client.post("/auth/login", data=self._credentials)

    def mistype(self) -> httpx.Response:
        return self._client.post("/auth/login", data=self._credentials | {"password": "correct hoarse"})

    def try_another_address(self) -> httpx.Response:
        """Log in as somebody who is not known; of one account, too many attempts are refused without the database."""
        return self._client.post("/auth/login", data=self._credentials | {"username": f"{uuid4()}@example.com"})

    def work(self, headers: dict[str, str]) -> None:
        key = {"Idempotency-Key": str(uuid4())}
        self._client.post("/items", headers=headers | key, json={"title": "Tandem bicycle"})
        item = self._client.post("/items", headers=headers | key, json={"title": "Tandem bicycle"}).json()
        self._client.patch(f"/items/{item['id']}", headers=headers, json={"title": "Tandem"})
        self._client.get(f"/items/{item['id']}", headers=headers)
        self._client.get("/items", headers=headers)
        self._client.delete(f"/items/{item['id']}", headers=headers)


@pytest.fixture(scope="module")
def new_person(pair: RunningPair) -> Iterator[Callable[[], Person]]:
    with httpx.Client(base_url=f"{pair.base_url}/api/v1", timeout=10, trust_env=False) as client:
        yield lambda: Person(client)
