from collections.abc import Callable
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


async def insert_key(database: EmptyableDatabase, *, age: str) -> None:
    statement = """
        INSERT INTO idempotency_keys (owner_id, key, fingerprint, answer, created_at)
        VALUES ($1, 'key', '', '', now() - $2::text::interval)
    """
    await database.execute(statement, uuid4(), age)


@pytest.fixture
async def forgotten_and_remembered_key(database: EmptyableDatabase) -> None:
    await database.empty()
    await insert_key(database, age="25 hours")
    await insert_key(database, age="23 hours")


@pytest.mark.usefixtures("forgotten_and_remembered_key")
def test_prune_deletes_keys_older_than_a_day_and_no_others(database: EmptyableDatabase) -> None:
    dry, real, again = run(database, "prune", "--dry-run"), run(database, "prune"), run(database, "prune")

    assert [finished.exit_code for finished in (dry, real, again)] == [0, 0, 0]
    assert dry.output == "Would delete 1 idempotency keys.\n"
    assert real.output == "Deleted 1 idempotency keys.\n"
    assert again.output == "Deleted 0 idempotency keys.\n"


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
