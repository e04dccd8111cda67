"""Keys that outlive the process: a service starts with those of the last time while their issuer is away."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from service_chassis.access_tokens.remote_keys import KeySetStore, RemoteKeys
from service_chassis.errors import DatabaseUnavailableError
from service_chassis.testing.issuer import TokenIssuer
from service_chassis.testing.key_server import KeyServer

Logged = Callable[[], list[dict[str, Any]]]

KNOWN = TokenIssuer("known")
NEWER = TokenIssuer("newer")


class MemoryStore:
    """Keeps one key set as long as the test lasts, and counts how often."""

    def __init__(self, document: bytes | None = None) -> None:
        self.document = document
        self.saved = 0

    async def load(self) -> bytes | None:
        return self.document

    async def save(self, document: bytes) -> None:
        self.document = document
        self.saved += 1


class BrokenStore:
    """Fails whenever it is asked, with the failure it was given."""

    def __init__(self, failure: Exception) -> None:
        self._failure = failure

    async def load(self) -> bytes | None:
        raise self._failure

    async def save(self, document: bytes) -> None:
        assert document
        raise self._failure


@pytest.fixture
def server() -> Iterator[KeyServer]:
    with KeyServer(KNOWN.key_set()) as server:
        yield server


@asynccontextmanager
async def started(server: KeyServer, store: KeySetStore) -> AsyncIterator[RemoteKeys]:
    keys = RemoteKeys(server.url, store=store, refresh_seconds=0.01, retry_seconds=0.01)
    await keys.start()
    yield keys
    await keys.close()


async def until_asked(server: KeyServer, times: int) -> None:
    async with asyncio.timeout(5):
        while server.requests < times:  # noqa: ASYNC110  # the server lives in another thread
            await asyncio.sleep(0.01)


async def test_stored_keys_serve_while_the_issuer_is_away(server: KeyServer) -> None:
    server.status = 503
    async with started(server, MemoryStore(NEWER.key_set())) as keys:
        await until_asked(server, 2)

        assert set(await keys.keys_for("newer")) == {"newer"}


async def test_the_issuers_keys_take_the_place_of_the_stored_ones(server: KeyServer) -> None:
    store = MemoryStore(NEWER.key_set())
    async with started(server, store) as keys:
        await until_asked(server, 2)

        assert set(await keys.keys_for("known")) == {"known"}
    assert store.document == KNOWN.key_set()


async def test_a_set_is_stored_once(server: KeyServer) -> None:
    store = MemoryStore()
    async with started(server, store):
        await until_asked(server, 4)

    assert store.saved == 1


async def test_a_bad_set_is_not_stored(server: KeyServer) -> None:
    server.document = b'{"keys": []}'
    store = MemoryStore(KNOWN.key_set())
    async with started(server, store):
        await until_asked(server, 2)

    assert (store.document, store.saved) == (KNOWN.key_set(), 0)


async def test_a_stored_set_that_is_broken_is_replaced(server: KeyServer) -> None:
    store = MemoryStore(b"garbage")
    async with started(server, store) as keys:
        await until_asked(server, 2)

        assert set(await keys.keys_for("known")) == {"known"}
    assert store.document == KNOWN.key_set()


@pytest.mark.parametrize("failure", [DatabaseUnavailableError(), RuntimeError("no such table")])
async def test_a_store_that_fails_does_not_stop_the_refreshing(
    server: KeyServer, logged: Logged, failure: Exception
) -> None:
    async with started(server, BrokenStore(failure)) as keys:
        await until_asked(server, 2)
        server.document = NEWER.key_set()
        await until_asked(server, server.requests + 2)

        assert set(await keys.keys_for("newer")) == {"newer"}
    assert {line["message"] for line in logged() if "exception" in line} == {
        "stored verification keys not loaded",
        "verification keys not stored",
    }
