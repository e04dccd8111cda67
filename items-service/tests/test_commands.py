from collections.abc import AsyncIterator, Callable
from uuid import uuid4

import pytest

from items_service.commands import main
from items_service.core.config import Settings
from items_service.services.idempotency import KEYS_DELETED_AT_ONCE, count_forgotten_keys, delete_forgotten_keys
from service_chassis.database import Database
from service_chassis.testing.commands import Finished, run_command
from service_chassis.testing.databases import EmptyableDatabase


def run(database: EmptyableDatabase, *arguments: str, **variables: str) -> Finished:
    settings = {"ENVIRONMENT": "local", "ITEMS_DATABASE_URL": database.url.get_secret_value()}
    return run_command(main, *arguments, environment=settings | variables)


@pytest.fixture
async def emptied(database: EmptyableDatabase) -> AsyncIterator[EmptyableDatabase]:
    await database.empty()
    yield database
    await database.empty()


async def insert_key(database: EmptyableDatabase, *, age: str) -> None:
    statement = """
        INSERT INTO idempotency_keys (owner_id, key, fingerprint, answer, created_at)
        VALUES ($1, 'key', '', '', now() - $2::text::interval)
    """
    await database.execute(statement, uuid4(), age)


async def insert_denial(database: EmptyableDatabase, *, ended: str) -> None:
    statement = "INSERT INTO denials (kind, subject, denied_until) VALUES ('session', $1, now() - $2::text::interval)"
    await database.execute(statement, uuid4(), ended)


@pytest.fixture
async def with_old_rows(emptied: EmptyableDatabase) -> EmptyableDatabase:
    for age in ("25 hours", "23 hours"):
        await insert_key(emptied, age=age)
    for ended in ("1 day", "2 hours", "1 minute", "-1 minute"):
        await insert_denial(emptied, ended=ended)
    return emptied


def test_prune_deletes_what_is_forgotten_or_expired_and_nothing_else(with_old_rows: EmptyableDatabase) -> None:
    dry, real, again = (run(with_old_rows, "prune", *option) for option in (["--dry-run"], [], []))

    assert [finished.exit_code for finished in (dry, real, again)] == [0, 0, 0]
    assert dry.output == "Would delete 1 idempotency keys and 2 denials.\n"
    assert real.output == "Deleted 1 idempotency keys and 2 denials.\n"
    assert again.output == "Deleted 0 idempotency keys and 0 denials.\n"


def test_the_denylist_is_shown_added_to_and_taken_from(emptied: EmptyableDatabase) -> None:
    session, user = str(uuid4()), str(uuid4())

    added = [run(emptied, "denylist", "add", "session", session), run(emptied, "denylist", "add", "user", user)]
    shown = run(emptied, "denylist", "list")
    removed = run(emptied, "denylist", "remove", "session", session)
    again = run(emptied, "denylist", "remove", "session", session)
    left = run(emptied, "denylist", "list")

    assert [finished.exit_code for finished in (*added, shown, removed, again, left)] == [0, 0, 0, 0, 1, 0]
    assert [line.split()[:2] for line in shown.output.splitlines()] == [["session", session], ["user", user]]
    assert [line.split()[:2] for line in left.output.splitlines()] == [["user", user]]
    assert again.errors == f"The session {session} was not denied; nothing was changed.\n"


async def test_prune_deletes_more_keys_than_one_statement_could(
    database: EmptyableDatabase, new_settings: Callable[..., Settings]
) -> None:
    await database.execute(
        """
        INSERT INTO idempotency_keys (owner_id, key, fingerprint, answer, created_at)
        SELECT gen_random_uuid(), n, '', '', now() - interval '25 hours' FROM generate_series(1, $1) n
        """,
        2 * KEYS_DELETED_AT_ONCE + 1,
    )
    own_database = Database(new_settings())

    deleted = await delete_forgotten_keys(own_database)

    assert deleted == 2 * KEYS_DELETED_AT_ONCE + 1
    assert await count_forgotten_keys(own_database) == 0
    await own_database.close()


def test_a_wrong_setting_is_named_and_nothing_is_done(database: EmptyableDatabase) -> None:
    finished = run(database, "serve", ITEMS_AUTH_SERVICE_URL="auth")

    assert finished.exit_code == 1
    assert finished.errors.startswith("AUTH_SERVICE_URL (or ITEMS_AUTH_SERVICE_URL): ")
    assert "Traceback" not in finished.errors


@pytest.mark.parametrize("given", ["FEED_CLIENT_ID", "FEED_CLIENT_SECRET"])
def test_a_machine_client_is_given_whole_or_not_at_all(database: EmptyableDatabase, given: str) -> None:
    finished = run(database, "serve", **{f"ITEMS_{given}": "half-4711"})

    assert finished.exit_code == 1
    assert finished.errors.startswith("FEED_CLIENT_SECRET (or ITEMS_FEED_CLIENT_SECRET): ")
    assert "4711" not in finished.output + finished.errors
