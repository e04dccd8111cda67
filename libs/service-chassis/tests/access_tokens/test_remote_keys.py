import asyncio
import gzip
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any
from uuid import uuid4

import pytest

from service_chassis.access_tokens.keys import MAXIMUM_KEY_SET_BYTES
from service_chassis.access_tokens.remote_keys import RemoteKeys
from service_chassis.errors import VerificationKeysUnavailableError
from service_chassis.testing.issuer import TokenIssuer
from service_chassis.testing.servers import LOOPBACK

KNOWN = TokenIssuer("known")
NEWER = TokenIssuer("newer")


def http_answer(body: bytes, *, status: str = "200 OK", headers: str = "") -> bytes:
    return f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n{headers}\r\n".encode() + body


class KeyServer:
    """Answers with whatever bytes a test puts here, when and as slowly as it says."""

    def __init__(self) -> None:
        self.answer = http_answer(KNOWN.key_set())
        self.requests = 0
        self.seconds_between_bytes = 0.0
        self.asked = asyncio.Event()
        self.may_answer = asyncio.Event()
        self.may_answer.set()
        self._handlers: list[asyncio.Task[None]] = []

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[str]:
        def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            self._handlers.append(asyncio.create_task(self._handle(reader, writer)))

        listener = await asyncio.start_server(accept, LOOPBACK, 0)
        yield f"http://{LOOPBACK}:{listener.sockets[0].getsockname()[1]}/jwks.json"
        self.may_answer.set()
        listener.close()
        await asyncio.gather(*self._handlers)

    async def _handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, EOFError):
            await reader.readuntil(b"\r\n\r\n")
            self.requests += 1
            self.asked.set()
            await self.may_answer.wait()
            step = 1 if self.seconds_between_bytes else len(self.answer)
            for start in range(0, len(self.answer), max(step, 1)):
                writer.write(self.answer[start : start + step])
                await writer.drain()
                await asyncio.sleep(self.seconds_between_bytes)
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()


@asynccontextmanager
async def keys_of(server: KeyServer, **options: Any) -> AsyncIterator[RemoteKeys]:  # the constructor's
    async with server.listening() as url:
        # Patient, since most tests are not about a machine that is busy.
        keys = RemoteKeys(url, **{"fetch_timeout_seconds": 10} | options)
        yield keys
        await keys.close()


async def known_ids(keys: RemoteKeys, key_id: str = "known") -> set[str]:
    try:
        return set(await keys.keys_for(key_id))
    except VerificationKeysUnavailableError:
        return set()


async def until_known(keys: RemoteKeys, *key_ids: str) -> None:
    async with asyncio.timeout(5):
        while await known_ids(keys, key_ids[0]) != {*key_ids}:  # noqa: ASYNC110  # nobody tells of a refresh
            await asyncio.sleep(0.01)


async def test_the_first_token_fetches_the_keys() -> None:
    server = KeyServer()
    async with keys_of(server) as keys:
        assert await known_ids(keys) == {"known"}


async def test_a_known_key_is_not_fetched_again() -> None:
    server = KeyServer()
    async with keys_of(server, unknown_key_cooldown_seconds=0) as keys:
        for _ in range(5):
            await keys.keys_for("known")

    assert server.requests == 1


async def test_a_new_key_is_found_by_its_first_token() -> None:
    server = KeyServer()
    async with keys_of(server, unknown_key_cooldown_seconds=0) as keys:
        await keys.keys_for("known")
        server.answer = http_answer(NEWER.key_set())

        assert await known_ids(keys, "newer") == {"newer"}


async def test_unknown_keys_cause_one_fetch_in_a_while() -> None:
    server = KeyServer()
    async with keys_of(server) as keys:
        for _ in range(20):
            await keys.keys_for(str(uuid4()))

    assert server.requests == 1


async def test_any_number_of_unknown_keys_at_once_cause_one_fetch() -> None:
    server = KeyServer()
    async with keys_of(server, unknown_key_cooldown_seconds=0) as keys:
        await keys.keys_for("known")

        found = await asyncio.gather(*(keys.keys_for(str(uuid4())) for _ in range(200)))

    assert all(set(keys_found) == {"known"} for keys_found in found)
    assert server.requests == 2


async def test_a_known_key_does_not_wait_for_the_search_for_unknown_ones() -> None:
    server = KeyServer()
    async with keys_of(server, unknown_key_cooldown_seconds=0) as keys:
        await keys.keys_for("known")
        server.may_answer.clear()
        server.asked.clear()
        strangers = [asyncio.create_task(keys.keys_for(str(uuid4()))) for _ in range(200)]
        await server.asked.wait()

        async with asyncio.timeout(1):
            assert "known" in await keys.keys_for("known")

        assert not any(stranger.done() for stranger in strangers)
        server.may_answer.set()
        await asyncio.gather(*strangers)


async def test_whoever_hangs_up_leaves_the_fetch_to_the_others() -> None:
    server = KeyServer()
    server.may_answer.clear()
    async with keys_of(server) as keys:
        first = asyncio.create_task(known_ids(keys))
        await server.asked.wait()
        second = asyncio.create_task(known_ids(keys))
        await asyncio.sleep(0)

        first.cancel()
        server.may_answer.set()

        assert await second == {"known"}
        assert first.cancelled()


BAD_ANSWERS = [
    pytest.param(http_answer(b"<!doctype html><title>Sign in</title>"), id="HTML"),
    pytest.param(http_answer(b"[]"), id="a list"),
    pytest.param(http_answer(b'{"keys": []}'), id="no keys"),
    pytest.param(http_answer(b'{"keys": [{"kty": "oct", "k": "AAAA", "kid": "newer"}]}'), id="a shared secret"),
    pytest.param(http_answer(b""), id="nothing"),
    pytest.param(http_answer(NEWER.key_set(), status="500 Internal Server Error"), id="500"),
    pytest.param(http_answer(NEWER.key_set(), status="404 Not Found"), id="404"),
    pytest.param(http_answer(NEWER.key_set(), status="203 Non-Authoritative Information"), id="203"),
    pytest.param(http_answer(NEWER.key_set(), status="302 Found", headers="Location: /other\r\n"), id="redirect"),
    pytest.param(http_answer(NEWER.key_set(), status="302 Found", headers="Location: http://[\r\n"), id="to nowhere"),
    pytest.param(http_answer(NEWER.key_set().ljust(MAXIMUM_KEY_SET_BYTES + 1)), id="too large"),
    pytest.param(http_answer(b" " * 10_000_000), id="ten megabytes"),
    pytest.param(http_answer(gzip.compress(NEWER.key_set()), headers="Content-Encoding: gzip\r\n"), id="compressed"),
    pytest.param(http_answer(NEWER.key_set())[:-1], id="cut off"),
    pytest.param(b"HTTP/1.1 200 OK\r\nX: " + b"a" * 1_000_000 + b"\r\n\r\n", id="endless header"),
    pytest.param(b"SSH-2.0-OpenSSH_9.9\r\n", id="another protocol"),
    pytest.param(b"", id="silence"),
]


@pytest.mark.parametrize("answer", BAD_ANSWERS)
async def test_a_bad_answer_never_replaces_good_keys(answer: bytes) -> None:
    server = KeyServer()
    async with keys_of(server, unknown_key_cooldown_seconds=0) as keys:
        await keys.keys_for("known")
        server.answer = answer

        assert await known_ids(keys, "newer") == {"known"}

    assert server.requests == 2


@pytest.mark.parametrize("answer", BAD_ANSWERS)
async def test_without_any_keys_a_bad_answer_is_no_answer(answer: bytes) -> None:
    server = KeyServer()
    server.answer = answer
    async with keys_of(server) as keys:
        with pytest.raises(VerificationKeysUnavailableError):
            await keys.keys_for("known")


async def test_a_server_that_answers_byte_by_byte_is_not_waited_for() -> None:
    server = KeyServer()
    server.seconds_between_bytes = 0.02
    async with keys_of(server, fetch_timeout_seconds=0.2) as keys, asyncio.timeout(3):
        assert await known_ids(keys) == set()


async def test_a_server_that_never_answers_is_given_up_after_two_seconds() -> None:
    server = KeyServer()
    server.may_answer.clear()
    async with server.listening() as url, asyncio.timeout(4):
        keys = RemoteKeys(url)
        assert await known_ids(keys) == set()
        await keys.close()


async def test_a_server_that_is_away_is_asked_again_after_a_while_only() -> None:
    server = KeyServer()
    server.answer = http_answer(b"", status="503 Service Unavailable")
    async with keys_of(server) as keys:
        for _ in range(20):
            await known_ids(keys)

    assert server.requests == 1


async def test_keys_are_refreshed_in_the_background() -> None:
    server = KeyServer()
    async with keys_of(server, refresh_seconds=0.01) as keys:
        await keys.start()
        await until_known(keys, "known")
        server.answer = http_answer(NEWER.key_set())

        await until_known(keys, "newer")


async def test_refreshing_recovers_by_itself() -> None:
    server = KeyServer()
    server.answer = b"garbage"
    async with keys_of(server, retry_seconds=0.01) as keys:
        await keys.start()
        await server.asked.wait()
        assert await known_ids(keys) == set()

        server.answer = http_answer(KNOWN.key_set())

        await until_known(keys, "known")


async def test_nothing_goes_on_after_the_end() -> None:
    server = KeyServer()
    server.may_answer.clear()
    async with server.listening() as url:
        keys = RemoteKeys(url)
        await keys.start()
        await server.asked.wait()

        async with asyncio.timeout(1.5):
            await keys.close()

        assert not [task for task in asyncio.all_tasks() if "verification keys" in task.get_name()]
