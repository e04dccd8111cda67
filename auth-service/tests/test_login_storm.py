"""A storm of wrong logins on a served process is worked off or refused in time, and everybody else keeps their pace."""

import asyncio
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from local_stack.ports import free_port
from service_chassis.testing.databases import EmptyableDatabase

ADA = {"email": "ada@example.com", "password": "correct horse battery staple"}
LOGINS = 150
# Two hashes at a time of 19 MiB each; the rest is what 150 connections and requests take.
MEMORY_BOUND_MIB = 2 * 19 + 40

pytestmark = pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="memory is read from /proc")


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


async def timed(request: Awaitable[httpx.Response]) -> tuple[int, float]:
    began = time.perf_counter()
    response = await request
    return response.status_code, time.perf_counter() - began


async def storm(client: httpx.AsyncClient) -> list[tuple[int, float]]:
    # Each at another account, so that none of them is refused for its account's sake.
    forms = [{"username": f"user{number}@example.com", "password": "a wrong one"} for number in range(LOGINS)]
    return await asyncio.gather(*(timed(client.post("/api/v1/auth/login", data=form)) for form in forms))


async def p99_of_others(client: httpx.AsyncClient, token: str, *, during: "asyncio.Task[object]") -> float:
    seconds = []
    headers = {"Authorization": f"Bearer {token}"}
    while not during.done():
        for path in ("/health/live", "/api/v1/users/me"):
            status, duration = await timed(client.get(path, headers=headers))
            assert status == 200
            seconds.append(duration)
    return sorted(seconds)[int(len(seconds) * 0.99) - 1]


async def best_of_three(measure: Callable[[], Awaitable[float]], *, enough: float) -> float:
    """Repeat on a machine that is busy with other things: what is reached once can be reached."""
    best = await measure()
    for _ in range(2):
        if best >= enough:
            best = min(best, await measure())
    return best


def peak_memory_mib(process_id: int) -> float:
    status = Path(f"/proc/{process_id}/status").read_text(encoding="ascii")
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


@pytest.mark.usefixtures("new_app")  # which empties the database in the end
async def test_a_storm_of_logins_is_answered_in_time_and_slows_nobody_down(
    client: httpx.AsyncClient, server: Server
) -> None:
    token = (await client.post("/api/v1/auth/register", json=ADA)).json()["token"]["access_token"]
    memory_before = peak_memory_mib(server.process_id)
    answers: list[tuple[int, float]] = []

    async def measure() -> float:
        answers.clear()
        storming = asyncio.create_task(storm(client))
        p99 = await p99_of_others(client, token, during=storming)
        answers.extend(await storming)
        return p99

    assert await best_of_three(measure, enough=0.2) < 0.2
    statuses = Counter(status for status, _ in answers)
    assert statuses.keys() <= {401, 429, 503}
    assert statuses[503] >= LOGINS - 2 - 64 - 20, "the surplus waits instead of being refused"
    assert max(seconds for status, seconds in answers if status != 401) < 5
    assert peak_memory_mib(server.process_id) - memory_before < MEMORY_BOUND_MIB
