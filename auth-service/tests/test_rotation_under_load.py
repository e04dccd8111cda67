"""A rotation under load: two real processes, real commands, and no valid token that is refused."""

import asyncio
import itertools
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager

import asyncpg
import httpx
import jwt
import pytest

from auth_service.core.config import Settings
from local_stack.ports import free_port
from service_chassis.access_tokens.authentication import TokenAuthenticator
from service_chassis.access_tokens.claims import AccessToken
from service_chassis.access_tokens.remote_keys import RemoteKeys
from service_chassis.access_tokens.verification import TokenVerifier
from service_chassis.testing.databases import EmptyableDatabase

pytestmark = pytest.mark.resilience
JWKS = "/.well-known/jwks.json"
PASSWORD = "correct horse battery staple"
PUBLISH_SECONDS = 3
TWENTY_MINUTES_PASS = """
UPDATE signing_keys SET signs_from = signs_from - interval '20 minutes',
published_until = published_until - interval '20 minutes'
"""


@pytest.fixture
def environment(database: EmptyableDatabase) -> dict[str, str]:
    return os.environ | {
        "ENVIRONMENT": "local",
        "AUTH_DATABASE_URL": database.url.get_secret_value(),
        "SIGNING_KEY_PUBLISH_SECONDS": str(PUBLISH_SECONDS),
    }


@pytest.fixture
def urls(environment: dict[str, str]) -> Iterator[list[str]]:
    """Start two processes on one database, at the same moment."""
    ports = [free_port(), free_port()]
    serve = [sys.executable, "-m", "auth_service", "serve", "--host", "127.0.0.1", "--port"]
    processes = [
        subprocess.Popen(
            [*serve, str(port)],
            env=environment | {"METRICS_PORT": str(free_port())},
            stdout=subprocess.DEVNULL,
        )
        for port in ports
    ]
    yield [f"http://127.0.0.1:{port}" for port in ports]
    for process in processes:
        process.terminate()
    for process in processes:
        process.wait()


@pytest.fixture
async def replicas(urls: list[str]) -> AsyncIterator[list[httpx.AsyncClient]]:
    async with AsyncExitStack() as stack:
        clients = [await stack.enter_async_context(httpx.AsyncClient(base_url=url, timeout=20)) for url in urls]
        for client in clients:
            await until_it_is_ready(client)
        yield clients


@pytest.fixture
async def other_service(urls: list[str]) -> AsyncIterator[TokenAuthenticator[AccessToken]]:
    """Verify as another service does that never looks for an unknown key, but refreshes in good time."""
    keys = RemoteKeys(f"{urls[0]}{JWKS}", refresh_seconds=1, unknown_key_cooldown_seconds=3600)
    settings = Settings.model_construct()
    verifier = TokenVerifier(issuer=settings.token_issuer, audience=settings.token_audience)
    await keys.start()
    yield TokenAuthenticator(verifier=verifier, keys=keys)
    await keys.close()


async def until_it_is_ready(client: httpx.AsyncClient) -> None:
    async with asyncio.timeout(40):
        while True:
            try:
                if (await client.get("/health/ready")).status_code == httpx.codes.OK:
                    return
            except httpx.ConnectError:
                await asyncio.sleep(0.05)


async def published_key_ids(client: httpx.AsyncClient) -> set[str]:
    return {key["kid"] for key in (await client.get(JWKS)).json()["keys"]}


async def rotate(environment: dict[str, str]) -> str:
    command = [sys.executable, "-m", "auth_service", "keys", "rotate"]
    finished = await asyncio.to_thread(subprocess.run, command, env=environment, capture_output=True, text=True)
    assert finished.returncode == 0, finished.stderr
    return finished.stdout


class Load:
    """People who refresh their tokens and use each one everywhere, also those from before."""

    def __init__(self, replicas: list[httpx.AsyncClient], other_service: TokenAuthenticator[AccessToken]) -> None:
        self._replicas = replicas
        self._other_service = other_service
        self.signed_by: list[set[str]] = [set() for _ in replicas]
        self.expire_at: dict[str, int] = {}

    async def go_on(self, email: str) -> None:
        """Refresh at each replica in turn, until cancelled or refused."""
        body = {"email": email, "password": PASSWORD}
        pair = (await self._replicas[0].post("/api/v1/auth/register", json=body)).json()["token"]
        tokens = [pair["access_token"]]
        for number in itertools.cycle(range(len(self._replicas))):
            answer = await self._replicas[number].post(
                "/api/v1/auth/refresh", json={"refresh_token": pair["refresh_token"]}
            )
            assert answer.status_code == httpx.codes.OK, answer.text
            pair = answer.json()
            tokens = [tokens[0], pair["access_token"]]
            self._remember(number, pair["access_token"])
            for token in tokens:
                await self._use(token)
            await asyncio.sleep(0.02)

    def _remember(self, number: int, token: str) -> None:
        key_id = jwt.get_unverified_header(token)["kid"]
        self.signed_by[number].add(key_id)
        self.expire_at[key_id] = jwt.decode(token, options={"verify_signature": False})["exp"]

    async def _use(self, token: str) -> None:
        await self._other_service.authenticate(token)
        for replica in self._replicas:
            answer = await replica.get("/api/v1/users/me", headers={"Authorization": f"Bearer {token}"})
            assert answer.status_code == httpx.codes.OK, answer.text


@asynccontextmanager
async def under_load(load: Load) -> AsyncIterator[None]:
    """Have two people go on all the while; whoever is refused ends the test."""
    async with asyncio.TaskGroup() as group:
        people = [group.create_task(load.go_on(f"user{number}@example.com")) for number in range(2)]
        yield
        for person in people:
            person.cancel()


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(30):
        while not await condition():  # noqa: ASYNC110  # other processes make it true
            await asyncio.sleep(0.05)


@pytest.mark.usefixtures("new_app")  # which empties the database in the end
async def test_no_valid_token_is_refused_while_keys_rotate_and_the_old_key_goes_in_the_end(
    replicas: list[httpx.AsyncClient],
    other_service: TokenAuthenticator[AccessToken],
    environment: dict[str, str],
    stored: asyncpg.Connection,
) -> None:
    [first] = await published_key_ids(replicas[0])
    load = Load(replicas, other_service)

    async with under_load(load):
        await until(lambda: all_signed(load, {first}))
        outputs = await asyncio.gather(*(rotate(environment) for _ in range(2)))
        [second] = await stored_key_ids(stored) - {first}
        await until(lambda: all_signed(load, {first, second}))
    promised = await stored.fetchval("SELECT published_until FROM signing_keys WHERE id = $1", first)
    published = [await published_key_ids(replica) for replica in replicas]
    await stored.execute(TWENTY_MINUTES_PASS)
    await until(lambda: all_publish(replicas, {second}))
    last_output = await rotate(environment)

    assert sum(second in output for output in outputs) == 1
    assert published == [{first, second}] * 2
    assert promised.timestamp() > load.expire_at[first]
    assert "deleted keys that are gone: 1" in last_output


async def all_signed(load: Load, key_ids: set[str]) -> bool:
    return all(signed_by == key_ids for signed_by in load.signed_by)


async def all_publish(replicas: list[httpx.AsyncClient], key_ids: set[str]) -> bool:
    return [await published_key_ids(replica) for replica in replicas] == [key_ids] * len(replicas)


async def stored_key_ids(stored: asyncpg.Connection) -> set[str]:
    return {str(row["id"]) for row in await stored.fetch("SELECT id FROM signing_keys")}
