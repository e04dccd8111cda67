import os
import subprocess
import sys
from collections.abc import Callable
from uuid import uuid4

import pytest

from items_service.core.config import Settings
from items_service.services.idempotency import KEYS_DELETED_AT_ONCE, count_forgotten_keys, delete_forgotten_keys
from service_chassis.database import Database
from service_chassis.testing.databases import EmptyableDatabase


def run(database: EmptyableDatabase, *arguments: str) -> subprocess.CompletedProcess[str]:
    settings = {"ENVIRONMENT": "local", "ITEMS_DATABASE_URL": database.url.get_secret_value()}
    command = [sys.executable, "-m", "items_service", *arguments]
    return subprocess.run(command, env=os.environ | settings, capture_output=True, check=False, text=True)


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

    assert [finished.returncode for finished in (dry, real, again)] == [0, 0, 0]
    assert dry.stdout == "Would delete 1 idempotency keys.\n"
    assert real.stdout == "Deleted 1 idempotency keys.\n"
    assert again.stdout == "Deleted 0 idempotency keys.\n"


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
    settings = {"ENVIRONMENT": "local", "ITEMS_DATABASE_URL": database.url.get_secret_value()}
    command = [sys.executable, "-m", "items_service", "serve"]
    environment = os.environ | settings | {"ITEMS_AUTH_SERVICE_URL": "auth"}

    finished = subprocess.run(command, env=environment, capture_output=True, check=False, text=True)

    assert finished.returncode == 1
    assert finished.stderr.startswith("AUTH_SERVICE_URL (or ITEMS_AUTH_SERVICE_URL): ")
    assert "Traceback" not in finished.stderr
