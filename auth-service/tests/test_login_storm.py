"""A storm of wrong logins on a served process is worked off or refused in time, and everybody else keeps their pace."""

import asyncio
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from auth_service.services.login_queue import AT_ONCE, MAXIMUM_WAITING
from local_stack.ports import free_port
from service_chassis.testing.databases import EmptyableDatabase

ADA = {"email": "ada@example.com", "password": "correct horse battery staple"}
LOGINS = 150
HASHED_OR_QUEUED = AT_ONCE + MAXIMUM_WAITING
# Two hashes at a time of 7 MiB each; the rest is what 150 connections and requests take.
MEMORY_BOUND_MIB = 2 * 7 + 40

pytestmark = [
    pytest.mark.resilience,
    pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="memory is read from /proc"),
]


@dataclass(frozen=True)
class Server:
    """A served process."""

    url: str
    process_id: int


@pytest.fixture
def server(database: EmptyableDatabase) -> Iterator[Server]:
    port = free_port()
    environment = {
        "ENVIRONMENT": "local",
        "AUTH_DATABASE_URL": database.url.get_secret_value(),
        "LOGIN_LIMIT_PER_NETWORK": "1000 per minute",
        "METRICS_PORT": str(free_port()),
    }
    command = [sys.executable, "-m", "auth_service", "serve", "--host", "127.0.0.1", "--port", str(port)]
    with subprocess.Popen(command, env=os.environ | environment, stdout=subprocess.DEVNULL) as process:
        yield Server(f"http://127.0.0.1:{port}", process.pid)
        process.terminate()


@pytest.fixture
async def client(server: Server) -> AsyncIterator[httpx.AsyncClient]:
    limits = httpx.Limits(max_connections=None)
    async with httpx.AsyncClient(base_url=server.url, limits=limits, timeout=20) as client:
        await until_it_lives(client)
        yield client


async def until_it_lives(client: httpx.AsyncClient) -> None:
    async with asyncio.timeout(30):
        while True:
            try:
                await client.get("/health/live")
            except httpx.ConnectError:
                await asyncio.sleep(0.05)
            else:
                return


@pytest.mark.usefixtures("new_app")  # which empties the database in the end
async def test_a_storm_of_logins_is_answered_in_time_and_slows_nobody_down(
    client: httpx.AsyncClient, server: Server
) -> None:
    registered = (await client.post("/api/v1/auth/register", json=ADA)).json()
    client.headers["Authorization"] = f"Bearer {registered['token']['access_token']}"
    memory_before_mib = peak_memory_mib(server.process_id)

    # A machine that is busy with other things is slow without a storm as well; what is reached once can be reached.
    storms: list[Storm] = []
    while not storms or (len(storms) < 3 and not storms[-1].left_others_alone):
        calm = await p99_of_others(client, during=asyncio.create_task(asyncio.sleep(1)))
        storms.append(await storm(client, calm_p99=calm))

    assert storms[-1].left_others_alone
    for answered in storms:
        assert answered.within_five_seconds.keys() <= {401, 503}
        assert answered.within_five_seconds[503] > 0
        assert answered.within_five_seconds.total() >= LOGINS - HASHED_OR_QUEUED
    assert peak_memory_mib(server.process_id) - memory_before_mib < MEMORY_BOUND_MIB


@dataclass(frozen=True)
class Storm:
    """What a storm did: how its logins were answered in time, and how long others had to wait."""

    within_five_seconds: Counter[int]
    p99_of_others: float
    calm_p99_of_others: float

    @property
    def left_others_alone(self) -> bool:
        return self.p99_of_others < max(0.2, 5 * self.calm_p99_of_others)


async def storm(client: httpx.AsyncClient, *, calm_p99: float) -> Storm:
    logins = [asyncio.create_task(log_in(client.base_url, number)) for number in range(LOGINS)]
    five_seconds = asyncio.create_task(asyncio.wait(logins, timeout=5))
    p99 = await p99_of_others(client, during=five_seconds)
    done, waiting = await five_seconds
    for login in waiting:
        login.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)
    return Storm(Counter(login.result() for login in done), p99, calm_p99)


async def log_in(url: httpx.URL, number: int) -> int:
    """Send a login by hand, since a client's own work for all of them would be taken for the server's."""
    # Each at another account, so that none of them is refused for its account's sake.
    form = f"username=user{number}%40example.com&password=a+wrong+one"
    lines = [
        "POST /api/v1/auth/login HTTP/1.1",
        f"Host: {url.host}",
        "Content-Type: application/x-www-form-urlencoded",
        f"Content-Length: {len(form)}",
    ]
    reader, writer = await asyncio.open_connection(url.host, url.port)
    try:
        writer.write("\r\n".join([*lines, "", form]).encode())
        return int((await reader.readline()).split()[1])
    finally:
        writer.close()
        await writer.wait_closed()


async def p99_of_others(client: httpx.AsyncClient, *, during: asyncio.Task[Any]) -> float:
    seconds = []
    while not during.done():
        for path in ("/health/live", "/api/v1/users/me"):
            began = time.perf_counter()
            response = await client.get(path)
            seconds.append(time.perf_counter() - began)
            assert response.status_code == 200
    return sorted(seconds)[int(len(seconds) * 0.99) - 1]


def peak_memory_mib(process_id: int) -> float:
    status = Path(f"/proc/{process_id}/status").read_text(encoding="ascii")
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024
