"""The follower takes over what auth-service tells, once at least, and survives whatever auth-service answers."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest
from pydantic import SecretStr

from items_service.core.config import Settings
from items_service.services.event_feed import MAXIMUM_ANSWER_BYTES, EventFeed
from items_service.services.feed_follower import FeedFollower
from service_chassis.database import Database

PATIENCE_SECONDS = 10.0
SECRET = "correct-horse-4711"


class AuthService:
    """What auth-service answers, on a real socket; the answers to polls are taken one after the other."""

    def __init__(self) -> None:
        self.answers: list[tuple[int, bytes]] = []
        self.cursors: list[str | None] = []
        self.tokens_given = 0
        self.expires_in = 300
        self.url = ""

    def answer_poll(self, query: str) -> tuple[int, bytes]:
        parameters = dict(pair.split("=") for pair in query.split("&"))
        self.cursors.append(parameters.get("after"))
        if self.answers:
            return self.answers.pop(0)
        time.sleep(0.05)
        return 200, b"[]"

    @contextmanager
    def listening(self) -> Iterator[None]:
        auth_service = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self._send(*auth_service.answer_poll(self.path.partition("?")[2]))

            def do_POST(self) -> None:
                self.rfile.read(int(self.headers["Content-Length"]))
                auth_service.tokens_given += 1
                token = {"access_token": f"token-{auth_service.tokens_given}", "expires_in": auth_service.expires_in}
                self._send(200, json.dumps(token).encode())

            def _send(self, status: int, body: bytes) -> None:
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.send_header("Location", "/elsewhere")
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """Keep the test's output clean."""

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{server.server_port}"
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def auth_service() -> Iterator[AuthService]:
    auth_service = AuthService()
    with auth_service.listening():
        yield auth_service


@pytest.fixture
async def new_follower(auth_service: AuthService, settings: Settings) -> AsyncIterator[Callable[[], FeedFollower]]:
    """Start followers as replicas do; all of them stop after the test."""
    database = Database(settings)
    followers: list[FeedFollower] = []

    def start() -> FeedFollower:
        feed = EventFeed(
            events_url=f"{auth_service.url}/internal/events",
            token_url=f"{auth_service.url}/api/v1/auth/token",
            client_id="items-service",
            client_secret=SecretStr(SECRET),
        )
        followers.append(FeedFollower(database=database, feed=feed))
        followers[-1].start()
        return followers[-1]

    yield start
    for follower in followers:
        await follower.close()
    await database.close()


def batch(*events: tuple[str, str, str, dict[str, Any]]) -> tuple[int, bytes]:
    now = datetime.now(UTC).isoformat()
    return 200, json.dumps(
        [
            {"specversion": "1.0", "id": number, "type": kind, "subject": subject, "time": now, "data": data}
            for number, kind, subject, data in events
        ]
    ).encode()


def revoked(number: str, session_id: UUID) -> tuple[str, str, str, dict[str, Any]]:
    return number, "session.revoked", str(session_id), {"user_id": str(uuid4())}


async def until(claim: Callable[[], Any]) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not claim():  # noqa: ASYNC110  # the server lives in another thread
            await asyncio.sleep(0.01)


async def until_cursor(other_session: asyncpg.Connection, cursor: str) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while await other_session.fetchval("SELECT cursor FROM feed_cursor") != cursor:  # noqa: ASYNC110  # PostgreSQL is mute
            await asyncio.sleep(0.01)


async def denials(other_session: asyncpg.Connection) -> set[tuple[str, UUID, int]]:
    return {
        tuple(row) for row in await other_session.fetch("SELECT kind, subject, minimum_rights_version FROM denials")
    }


async def test_every_event_is_taken_over_and_the_cursor_with_it(
    auth_service: AuthService, other_session: asyncpg.Connection, new_follower: Callable[[], FeedFollower]
) -> None:
    session_id, inactive, changed, deleted, key_id = (uuid4() for _ in range(5))
    auth_service.answers = [
        batch(
            revoked("1-1", session_id),
            ("1-2", "user.deactivated", str(inactive), {"rights_version": 3}),
            ("1-3", "user.rights_changed", str(changed), {"rights_version": 4}),
            ("1-4", "user.rights_changed", str(changed), {"rights_version": 5}),
            ("1-5", "user.deleted", str(deleted), {}),
            ("1-6", "signing_key.dropped", str(key_id), {}),
            ("1-7", "something.new", "x", {}),
        )
    ]

    new_follower()
    await until_cursor(other_session, "1-7")

    assert await denials(other_session) == {
        ("session", session_id, 0),
        ("user", inactive, 3),
        ("user", changed, 5),
        ("user", deleted, 2**31 - 1),
        ("key", key_id, 0),
    }
    assert await other_session.fetchval("SELECT owner_id FROM deleted_owners") == deleted
    assert auth_service.cursors[0] is None


async def test_an_event_that_makes_no_sense_does_not_keep_the_others_waiting(
    auth_service: AuthService, other_session: asyncpg.Connection, new_follower: Callable[[], FeedFollower]
) -> None:
    session_id = uuid4()
    auth_service.answers = [
        batch(
            ("1-1", "session.revoked", "no id", {}),
            ("1-2", "user.rights_changed", str(uuid4()), {"rights_version": "high"}),
            ("1-3", "user.deleted", "nobody", {}),
            revoked("1-4", session_id),
        )
    ]

    new_follower()
    await until_cursor(other_session, "1-4")

    assert await denials(other_session) == {("session", session_id, 0)}


@pytest.mark.parametrize(
    "nonsense",
    [
        pytest.param((200, b"<html>"), id="HTML"),
        pytest.param((200, b'{"events": []}'), id="no list"),
        pytest.param((200, b'[{"id": 1}]'), id="no events"),
        pytest.param((200, b"[" + b" " * MAXIMUM_ANSWER_BYTES + b"]"), id="a megabyte"),
        pytest.param((302, b""), id="a redirect"),
        pytest.param((403, b"{}"), id="forbidden"),
        pytest.param((503, b""), id="unavailable"),
    ],
)
async def test_after_nonsense_the_feed_is_read_again_with_the_same_cursor(
    auth_service: AuthService,
    other_session: asyncpg.Connection,
    new_follower: Callable[[], FeedFollower],
    nonsense: tuple[int, bytes],
) -> None:
    auth_service.answers = [batch(revoked("1-1", uuid4())), nonsense, batch(revoked("1-2", uuid4()))]

    new_follower()
    await until_cursor(other_session, "1-2")

    assert auth_service.cursors[:3] == [None, "1-1", "1-1"]
    assert len(await denials(other_session)) == 2


async def test_a_cursor_that_is_too_old_begins_anew_and_loses_nothing(
    auth_service: AuthService, other_session: asyncpg.Connection, new_follower: Callable[[], FeedFollower]
) -> None:
    first, second = uuid4(), uuid4()
    auth_service.answers = [batch(revoked("1-1", first)), (410, b"{}"), batch(revoked("9-1", second))]

    new_follower()
    await until_cursor(other_session, "9-1")

    assert auth_service.cursors[:3] == [None, "1-1", None]
    assert {subject for _, subject, _ in await denials(other_session)} == {first, second}


async def test_a_refused_token_is_replaced_once_and_at_once(
    auth_service: AuthService, other_session: asyncpg.Connection, new_follower: Callable[[], FeedFollower]
) -> None:
    auth_service.answers = [(401, b"{}"), batch(revoked("1-1", uuid4()))]

    new_follower()
    await until_cursor(other_session, "1-1")

    assert auth_service.tokens_given == 2


async def test_a_token_is_replaced_before_it_expires(
    auth_service: AuthService, new_follower: Callable[[], FeedFollower]
) -> None:
    auth_service.expires_in = 1

    new_follower()

    await until(lambda: auth_service.tokens_given >= 2)


async def test_one_replica_follows_and_another_takes_over_at_once_when_it_stops(
    auth_service: AuthService, other_session: asyncpg.Connection, new_follower: Callable[[], FeedFollower]
) -> None:
    first = new_follower()
    await until(lambda: auth_service.cursors)
    holder = await other_session.fetchval("SELECT lease_holder FROM feed_cursor")
    new_follower()
    polls = len(auth_service.cursors)
    await until(lambda: len(auth_service.cursors) > polls + 5)
    assert await other_session.fetchval("SELECT lease_holder FROM feed_cursor") == holder

    await first.close()
    auth_service.answers = [batch(revoked("2-1", uuid4()))]

    await until_cursor(other_session, "2-1")
    assert await other_session.fetchval("SELECT lease_holder FROM feed_cursor") not in {holder, None}


async def test_who_lost_the_lease_writes_nothing(
    auth_service: AuthService, other_session: asyncpg.Connection, new_follower: Callable[[], FeedFollower]
) -> None:
    new_follower()
    await until(lambda: auth_service.cursors)

    await other_session.execute(
        "UPDATE feed_cursor SET lease_holder = gen_random_uuid(), leased_until = now() + '1 hour'"
    )
    auth_service.answers = [batch(revoked("1-1", uuid4()))]
    count = len(auth_service.cursors)
    await asyncio.sleep(0.5)

    assert len(auth_service.cursors) <= count + 1
    assert await denials(other_session) == set()


async def test_closing_takes_less_than_a_second(
    auth_service: AuthService, new_follower: Callable[[], FeedFollower], other_session: asyncpg.Connection
) -> None:
    follower = new_follower()
    await until(lambda: auth_service.cursors)

    async with asyncio.timeout(2):
        await follower.close()

    assert await other_session.fetchval("SELECT lease_holder FROM feed_cursor") is None
