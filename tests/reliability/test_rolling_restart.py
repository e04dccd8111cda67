"""A deployment under load: two replicas of each service are replaced and both schemas migrate; no request is lost."""

import asyncio
import itertools
import os
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest

from local_stack.gateway import write_gateway_files, write_routes
from local_stack.ports import LOOPBACK, free_port
from local_stack.services import AUTH, ITEMS, SERVICES, Service
from service_chassis.migrations import upgrade_to_head
from service_chassis.testing.fixtures import NewDatabase

pytestmark = pytest.mark.resilience
REPOSITORY = Path(__file__).parents[2]
API = "/api/v1"
PASSWORD = "correct horse battery staple"
REPLICAS = 2
PEOPLE = 2
READY_SECONDS = 60
# What `preStop` is for: a pod that is to end goes on serving until the proxies in front have heard of it. Here that
# shows by requests at those who join; then what the gateway had given to those who leave needs a moment to arrive.
ARRIVAL_SECONDS = 0.3
# An expand step as a release would bring it, on the table that everybody is writing to.
MIGRATION = '''"""A step of the next release."""

from alembic import op

revision, down_revision = "9999", "{head}"


def upgrade() -> None:
    op.execute("ALTER TABLE {table} ADD COLUMN of_the_next_release text NOT NULL DEFAULT 'none'")
'''
BUSIEST_TABLES = {AUTH: "sessions", ITEMS: "items"}


class Replica:
    """One process of a service."""

    def __init__(self, service: Service, *, environment: Mapping[str, str], directory: Path) -> None:
        port = free_port()
        self.service = service
        self.url = f"http://{LOOPBACK}:{port}"
        self._log = directory / f"{service.name}-{port}.log"
        command = [sys.executable, "-m", service.module, "serve", "--host", LOOPBACK, "--port", str(port)]
        with self._log.open("wb") as log:
            self.process = subprocess.Popen(
                command, env={**environment, "METRICS_PORT": str(free_port())}, stdout=log, stderr=log, cwd=directory
            )

    @property
    def served_requests(self) -> int:
        """How many requests it has told of in its log."""
        return self._log.read_text().count(f'"{API}')

    async def until_it_is_ready(self) -> None:
        """Return when it says that it can serve."""
        async with asyncio.timeout(READY_SECONDS), httpx.AsyncClient(base_url=self.url) as client:
            while True:
                with suppress(httpx.TransportError):
                    if (await client.get("/health/ready")).is_success:
                        return
                assert self.process.poll() is None, self._log.read_text()
                await asyncio.sleep(0.05)

    async def end(self) -> int:
        """Ask it to end, and return its exit code."""
        self.process.terminate()
        return await asyncio.to_thread(self.process.wait, 15)


class Deployment:
    """The replicas of both services and the gateway in front, as a cluster would keep them."""

    def __init__(self, *, environment: Mapping[str, str], directory: Path) -> None:
        self._directory = directory
        self._gateway_port = free_port()
        self.base_url = f"http://localhost:{self._gateway_port}"
        # As behind a cluster's Service, whichever replicas there are answer for auth-service.
        self._environment = {**environment, "ITEMS_AUTH_SERVICE_URL": self.base_url}
        self._gateway: subprocess.Popen[bytes] | None = None
        self._serving: list[Replica] = []
        self.all_replicas: list[Replica] = []

    async def start(self) -> None:
        """Start every replica, and the gateway when they are ready."""
        self._serving = [self._new(service) for service in SERVICES for _ in range(REPLICAS)]
        await asyncio.gather(*(replica.until_it_is_ready() for replica in self._serving))
        command = write_gateway_files(self._directory, port=self._gateway_port, json_logs=True, **self._urls())
        self._gateway = await asyncio.to_thread(subprocess.Popen, command, cwd=self._directory)
        await self._until_the_gateway_answers()

    async def replace_one_replica_of_each_service(self) -> list[int]:
        """Do as Kubernetes does with `maxUnavailable: 0`, and return the exit codes of those that have left."""
        joining = [self._new(service) for service in SERVICES]
        await asyncio.gather(*(replica.until_it_is_ready() for replica in joining))
        leaving = [next(replica for replica in self._serving if replica.service is service) for service in SERVICES]
        self._serving = [replica for replica in self._serving if replica not in leaving] + joining
        write_routes(self._directory, **self._urls())
        await self._until_they_serve(joining)
        await asyncio.sleep(ARRIVAL_SECONDS)
        return list(await asyncio.gather(*(replica.end() for replica in leaving)))

    async def _until_they_serve(self, replicas: list[Replica]) -> None:
        """Return when each of them has had a request."""
        async with asyncio.timeout(READY_SECONDS):
            while not all(replica.served_requests for replica in replicas):  # noqa: ASYNC110  # other processes make it true
                await asyncio.sleep(0.05)

    def stop(self) -> None:
        """Leave nothing behind."""
        processes = [replica.process for replica in self.all_replicas] + ([self._gateway] if self._gateway else [])
        for process in processes:
            process.kill()
        for process in processes:
            process.wait()

    def _new(self, service: Service) -> Replica:
        replica = Replica(service, environment=self._environment, directory=self._directory)
        self.all_replicas.append(replica)
        return replica

    def _urls(self) -> dict[str, list[str]]:
        of = {service: [replica.url for replica in self._serving if replica.service is service] for service in SERVICES}
        return {"auth_urls": of[AUTH], "items_urls": of[ITEMS]}

    async def _until_the_gateway_answers(self) -> None:
        async with asyncio.timeout(READY_SECONDS), httpx.AsyncClient(base_url=self.base_url) as client:
            for path in ("/.well-known/jwks.json", f"{API}/items"):
                while True:
                    with suppress(httpx.TransportError):
                        if (await client.get(path)).status_code in {200, 401}:
                            break
                    await asyncio.sleep(0.05)


class Person:
    """Somebody who works all the while, and repeats no request. Logging in again and again would cost too much."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self._client = client
        self._account = {"email": f"{uuid4()}@example.com", "password": PASSWORD}
        self._refresh_token = ""
        self.answers: Counter[tuple[str, int]] = Counter()

    async def register(self) -> None:
        """Become somebody."""
        registered = await self._send("POST", "/auth/register", json=self._account)
        self._use(registered.json()["token"])

    async def go_on(self) -> None:
        """Use every kind of request, until cancelled."""
        for number in itertools.count(1):
            await self._work_with_an_item()
            await self._send("GET", "/users/me")
            if number % 3 == 0:
                self._use(
                    (await self._send("POST", "/auth/refresh", json={"refresh_token": self._refresh_token})).json()
                )

    async def _work_with_an_item(self) -> None:
        created = await self._send("POST", "/items", json={"title": "Tandem bicycle"})
        path = f"/items/{created.json()['id']}"
        await self._send("GET", path)
        await self._send(
            "PATCH", path, json={"description": "Two seats."}, headers={"If-Match": created.headers["ETag"]}
        )
        await self._send("GET", "/items")
        await self._send("DELETE", path)

    def _use(self, token: dict[str, Any]) -> None:
        self._client.headers["Authorization"] = f"Bearer {token['access_token']}"
        self._refresh_token = token["refresh_token"]

    async def _send(self, method: str, path: str, **content: Any) -> httpx.Response:
        response = await self._client.request(method, f"{API}{path}", **content)
        assert response.is_success, f"{method} {path}: {response.status_code} {response.text}"
        self.answers[method, response.status_code] += 1
        # Who works without a pause leaves nothing of two cores to the processes that start.
        await asyncio.sleep(0.05)
        return response


@asynccontextmanager
async def under_load(base_url: str) -> AsyncIterator[list[Person]]:
    """Have people work while a block lasts; the first lost or refused request ends the test."""
    async with asyncio.TaskGroup() as group:
        clients = [httpx.AsyncClient(base_url=base_url, timeout=20) for _ in range(PEOPLE)]
        people = [Person(client) for client in clients]
        await asyncio.gather(*(person.register() for person in people))
        tasks = [group.create_task(person.go_on()) for person in people]
        yield people
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        for client in clients:
            await client.aclose()


@pytest.fixture
def environment(new_empty_database: NewDatabase, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Give the settings of both services, on databases of their own at the newest schema."""
    monkeypatch.setenv("ENVIRONMENT", "local")
    monkeypatch.setenv("TRUSTED_PROXIES", LOOPBACK)
    for service in SERVICES:
        database = new_empty_database(f"{service.database}_rolling")
        monkeypatch.setenv(f"{service.prefix}DATABASE_URL", database.url.get_secret_value())
        upgrade_to_head(REPOSITORY / service.name)
    return dict(os.environ)


@pytest.fixture
def deployment(environment: dict[str, str], tmp_path: Path) -> Iterator[Deployment]:
    deployment = Deployment(environment=environment, directory=tmp_path)
    try:
        yield deployment
    finally:
        deployment.stop()


def migrate_to_the_next_release(directory: Path) -> None:
    for service, table in BUSIEST_TABLES.items():
        release = directory / service.name
        shutil.copytree(REPOSITORY / service.name / "migrations", release / "migrations")
        shutil.copy(REPOSITORY / service.name / "alembic.ini", release)
        versions = release / "migrations" / "versions"
        head = max(path.name for path in versions.glob("*.py"))[:4]
        (versions / "9999_a_step.py").write_text(MIGRATION.format(head=head, table=table))
        upgrade_to_head(release)


@pytest.mark.timeout(180)  # eight processes start, which takes a busy machine its time
async def test_a_rolling_restart_with_a_migration_in_between_loses_no_request(
    deployment: Deployment, tmp_path: Path
) -> None:
    await deployment.start()

    async with under_load(deployment.base_url) as people:
        exit_codes = await deployment.replace_one_replica_of_each_service()
        await asyncio.to_thread(migrate_to_the_next_release, tmp_path / "release")
        exit_codes += await deployment.replace_one_replica_of_each_service()

    answers = sum((person.answers for person in people), Counter())
    assert exit_codes == [0] * REPLICAS * len(SERVICES)
    assert {status for _, status in answers} == {200, 201, 204}
    assert all(replica.served_requests for replica in deployment.all_replicas)
