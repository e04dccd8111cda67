"""A key that its issuer dropped stays refused, whoever still publishes or keeps it."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import pytest

from service_chassis.access_tokens.remote_keys import RemoteKeys
from service_chassis.errors import VerificationKeysUnavailableError
from service_chassis.testing.issuer import TokenIssuer
from service_chassis.testing.key_server import KeyServer

GOOD = TokenIssuer("good")
LEAKED = TokenIssuer("leaked")
SUCCESSOR = TokenIssuer("successor")


def key_set(*issuers: TokenIssuer) -> bytes:
    return json.dumps({"keys": [issuer.public_jwk() for issuer in issuers]}).encode()


class MemoryStore:
    """Keeps one key set as long as the test lasts."""

    def __init__(self, document: bytes | None = None) -> None:
        self.document = document

    async def load(self) -> bytes | None:
        return self.document

    async def save(self, document: bytes) -> None:
        self.document = document

    @property
    def key_ids(self) -> list[str]:
        return [key["kid"] for key in json.loads(self.document or b'{"keys": []}')["keys"]]


@pytest.fixture
def server() -> Iterator[KeyServer]:
    with KeyServer(key_set(GOOD, LEAKED)) as server:
        yield server


@asynccontextmanager
async def started(server: KeyServer, store: MemoryStore) -> AsyncIterator[RemoteKeys]:
    keys = RemoteKeys(server.url, store=store, retry_seconds=0.01)
    await keys.start()
    yield keys
    await keys.close()


async def known_ids(keys: RemoteKeys) -> set[str]:
    # A forgotten key is not looked for, so this only tells what is known.
    return set(await keys.keys_for("leaked"))


async def until_known(keys: RemoteKeys, *key_ids: str) -> None:
    async with asyncio.timeout(5):
        while await known_ids(keys) != {*key_ids}:  # noqa: ASYNC110  # nobody tells of a refresh
            await asyncio.sleep(0.01)


async def until_asked_again(server: KeyServer, times: int) -> None:
    asked = server.requests
    async with asyncio.timeout(5):
        while server.requests < asked + times:  # noqa: ASYNC110  # the server lives in another thread
            await asyncio.sleep(0.01)


async def test_a_forgotten_key_is_refused_at_once_and_the_others_serve_on(server: KeyServer) -> None:
    async with started(server, MemoryStore()) as keys:
        assert set(await keys.keys_for("leaked")) == {"good", "leaked"}

        await keys.forget("leaked")

        assert await known_ids(keys) == {"good"}


async def test_a_forgotten_key_stays_refused_while_it_is_still_published(server: KeyServer) -> None:
    async with started(server, MemoryStore()) as keys:
        await keys.keys_for("good")

        await keys.forget("leaked")
        await until_asked_again(server, 3)

        assert await known_ids(keys) == {"good"}


async def test_the_successor_of_a_forgotten_key_is_known_as_soon_as_it_is_published(server: KeyServer) -> None:
    async with started(server, MemoryStore()) as keys:
        await keys.keys_for("good")
        await keys.forget("leaked")
        await until_asked_again(server, 2)

        server.document = key_set(GOOD, SUCCESSOR)

        await until_known(keys, "good", "successor")


async def test_a_forgotten_key_does_not_return_with_an_answer_that_is_older(server: KeyServer) -> None:
    async with started(server, MemoryStore()) as keys:
        await keys.keys_for("good")
        await keys.forget("leaked")
        server.document = key_set(SUCCESSOR)
        await until_known(keys, "successor")

        server.document = key_set(SUCCESSOR, LEAKED, GOOD)
        await keys.forget("another")
        await until_known(keys, "successor", "good")


async def test_whoever_uses_a_forgotten_key_causes_no_fetch(server: KeyServer) -> None:
    async with started(server, MemoryStore()) as keys:
        await keys.keys_for("good")
        server.document = key_set(GOOD)
        await keys.forget("leaked")
        await until_asked_again(server, 1)
        asked = server.requests

        for _ in range(5):
            await keys.keys_for("leaked")

        assert server.requests == asked


async def test_the_last_key_can_be_forgotten(server: KeyServer) -> None:
    server.document = key_set(LEAKED)
    async with started(server, MemoryStore()) as keys:
        await keys.keys_for("leaked")

        await keys.forget("leaked")

        assert await known_ids(keys) == set()
        with pytest.raises(VerificationKeysUnavailableError):
            await keys.keys_for("good")


async def test_a_forgotten_key_leaves_the_store(server: KeyServer) -> None:
    server.status = 503
    store = MemoryStore(key_set(GOOD, LEAKED))
    async with started(server, store) as keys:
        await keys.forget("leaked")

    assert store.key_ids == ["good"]


async def test_a_forgotten_key_that_is_still_published_is_not_stored(server: KeyServer) -> None:
    store = MemoryStore()
    async with started(server, store) as keys:
        await keys.keys_for("good")
        await keys.forget("leaked")
        await until_asked_again(server, 2)

    assert store.key_ids == ["good"]


async def test_a_key_forgotten_before_the_start_is_not_taken_from_the_store(server: KeyServer) -> None:
    server.status = 503
    keys = RemoteKeys(server.url, store=MemoryStore(key_set(GOOD, LEAKED)))

    await keys.forget("leaked")
    await keys.start()

    assert await known_ids(keys) == {"good"}
    await keys.close()
