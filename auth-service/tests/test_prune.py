"""`auth-service prune` deletes what nobody needs any more, and nothing else."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from uuid import UUID, uuid4

import asyncpg
import pytest

from auth_service.commands import main
from auth_service.core.config import Settings
from auth_service.errors import CursorTooOldError
from auth_service.models import OutboxEvent
from auth_service.repositories.outbox_events import OutboxNews
from auth_service.services.event_feed import EventFeed
from service_chassis.database import Database
from service_chassis.statement_pool import StatementPool
from service_chassis.testing.commands import run_command
from service_chassis.testing.databases import EmptyableDatabase

INSERT_USER = "INSERT INTO users (id, email, hashed_password) VALUES ($1, 'ada@example.com', '')"
INSERT_SESSION = """
    INSERT INTO sessions (id, user_id, expires_at, ended_at)
    VALUES ($1, $2, now() + $3::text::interval, now() + $4::text::interval)
"""
INSERT_REFRESH_TOKEN = """
    INSERT INTO refresh_tokens (id, session_id, token_hash, expires_at)
    VALUES (gen_random_uuid(), $1, gen_random_uuid()::text::bytea, now() + $2::text::interval)
"""
INSERT_ONE_TIME_TOKEN = """
    INSERT INTO one_time_tokens (id, user_id, purpose, email, token_hash, expires_at)
    VALUES (gen_random_uuid(), $1, 'reset', '', gen_random_uuid()::text::bytea, now() + $2::text::interval)
"""
INSERT_AUDIT_EVENT = """
    INSERT INTO audit_events (id, type, occurred_at) VALUES (gen_random_uuid(), 'login', now() + $1::text::interval)
"""
INSERT_EVENT = """
    INSERT INTO outbox_events (type, subject, data, created_at) VALUES ($1, $2, '{}', now() + $3::text::interval)
"""


async def prune(database: EmptyableDatabase, *options: str) -> str:
    environment = {"ENVIRONMENT": "local", "AUTH_DATABASE_URL": database.url.get_secret_value()}
    finished = await asyncio.to_thread(run_command, main, "prune", *options, environment=environment)
    assert finished.exit_code == 0, finished.errors
    return finished.output


async def read_all(feed: EventFeed, *, count: int) -> Sequence[OutboxEvent]:
    """Read when no transaction is older than the events, not even another test's on the same server."""
    async with asyncio.timeout(10):
        while len(events := await feed.read(None, wait_seconds=0)) < count:  # noqa: ASYNC110  # nobody tells of it
            await asyncio.sleep(0.02)
    return events


@pytest.fixture
async def emptied(database: EmptyableDatabase) -> AsyncIterator[EmptyableDatabase]:
    yield database
    await database.empty()


@pytest.fixture
async def live_session_id(stored: asyncpg.Connection) -> UUID:
    """Fill every table with something old and something that is not."""
    user_id, live, *others = (uuid4() for _ in range(5))
    await stored.execute(INSERT_USER, user_id)
    await stored.execute(INSERT_SESSION, live, user_id, "1 day", None)
    for session_id, expires, ended in zip(
        others, ["-8 days", "1 day", "-6 days"], [None, "-8 days", None], strict=True
    ):
        await stored.execute(INSERT_SESSION, session_id, user_id, expires, ended)
        await stored.execute(INSERT_REFRESH_TOKEN, session_id, "1 day")
    for expires in ("-8 days", "-6 days", "1 day"):
        await stored.execute(INSERT_REFRESH_TOKEN, live, expires)
    for expires in ("-1 minute", "1 minute"):
        await stored.execute(INSERT_ONE_TIME_TOKEN, user_id, expires)
    for occurred in ("-401 days", "-399 days"):
        await stored.execute(INSERT_AUDIT_EVENT, occurred)
    return live


async def test_only_what_is_outdated_is_deleted(
    emptied: EmptyableDatabase, stored: asyncpg.Connection, live_session_id: UUID
) -> None:
    counts = "1 one-time tokens, 1 refresh tokens, 2 sessions, 1 audit events, 0 events"

    dry, real, again = [await prune(emptied, *options) for options in (["--dry-run"], [], [])]

    assert (dry, real) == (f"Would delete {counts}.\n", f"Deleted {counts}.\n")
    assert not set("123456789") & set(again)
    left = {
        table: await stored.fetchval(f"SELECT count(*) FROM {table}")
        for table in ("sessions", "refresh_tokens", "one_time_tokens", "audit_events", "users")
    }
    assert left == {"sessions": 2, "refresh_tokens": 3, "one_time_tokens": 1, "audit_events": 1, "users": 1}
    assert await stored.fetchval("SELECT count(*) FROM sessions WHERE id = $1", live_session_id) == 1


async def test_how_long_the_audit_trail_is_kept_can_be_said(
    emptied: EmptyableDatabase, stored: asyncpg.Connection
) -> None:
    await stored.execute(INSERT_AUDIT_EVENT, "-3 days")

    assert ", 0 audit events" in await prune(emptied)
    assert ", 1 audit events" in await prune(emptied, "--audit-days", "2")


async def test_old_events_go_but_for_deleted_users_and_who_missed_them_is_told(
    emptied: EmptyableDatabase, stored: asyncpg.Connection
) -> None:
    events = [
        ("session.revoked", "a", "-9 days"),
        ("user.deleted", "b", "-9 days"),
        ("session.revoked", "c", "-8 days"),
        ("session.revoked", "d", "-6 days"),
        ("session.revoked", "e", "0"),
    ]
    for event in events:
        await stored.execute(INSERT_EVENT, *event)
    settings = Settings(environment="local", database_url=emptied.url)
    feed = EventFeed(own := Database(settings), news=OutboxNews(StatementPool(settings)))
    before = await read_all(feed, count=5)
    cursors = [(event.transaction_id, event.id) for event in before]

    assert (await prune(emptied, "--dry-run")).endswith(", 2 events.\n")
    assert (await prune(emptied)).endswith(", 2 events.\n")

    assert [event.subject for event in await feed.read(None, wait_seconds=0)] == ["b", "d", "e"]
    for missed in cursors[:2]:
        with pytest.raises(CursorTooOldError):
            await feed.read(missed, wait_seconds=0)
    assert [event.subject for event in await feed.read(cursors[2], wait_seconds=0)] == ["d", "e"]
    await own.close()
