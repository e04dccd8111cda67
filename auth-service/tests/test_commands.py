"""The command line, as a deployment and a person run it."""

import asyncio
import os
import subprocess
import sys
from collections.abc import Awaitable, Callable, Mapping

import asyncpg
import httpx
import jwt

from auth_service.commands import main
from auth_service.core.database import SCHEMA_REVISION
from auth_service.schemas.users import UserWithToken
from service_chassis.testing.commands import Finished, run_command
from service_chassis.testing.databases import EmptyableDatabase

EMAIL = "root@example.com"
PASSWORD = "correct horse battery staple"
UNREACHABLE = "postgresql://nobody:pw-4711@127.0.0.1:1/nothing"

NewUser = Callable[..., Awaitable[UserWithToken]]


def environment_of(database: EmptyableDatabase) -> dict[str, str]:
    return {"ENVIRONMENT": "local", "AUTH_DATABASE_URL": database.url.get_secret_value()}


async def run(*arguments: str, environment: Mapping[str, str], given: str = "") -> Finished:
    """Run a command to its end, without keeping the test's own connections waiting."""
    return await asyncio.to_thread(run_command, main, *arguments, environment=environment, given=given)


async def create_superuser(environment: Mapping[str, str], *, email: str = EMAIL, password: str = PASSWORD) -> Finished:
    return await run("create-superuser", "--email", email, environment=environment, given=f"{password}\n")


def assert_refused_in_a_line(finished: Finished, *, naming: str) -> None:
    assert finished.exit_code == 1
    assert naming in finished.errors
    assert "Traceback" not in finished.errors
    assert "4711" not in finished.output + finished.errors


async def test_migrating_again_does_nothing_more(database: EmptyableDatabase) -> None:
    again = await run("migrate", environment=environment_of(database))

    assert again.exit_code == 0, again.errors
    assert "Running upgrade" not in again.output
    assert await revision_of(database) == SCHEMA_REVISION


async def test_two_migrations_at_once_both_succeed(unmigrated_database: EmptyableDatabase) -> None:
    command = [sys.executable, "-m", "auth_service", "migrate"]
    environment = os.environ | environment_of(unmigrated_database)
    both = [
        await asyncio.create_subprocess_exec(*command, stdout=subprocess.DEVNULL, env=environment) for _ in range(2)
    ]

    assert [await process.wait() for process in both] == [0, 0]
    assert await revision_of(unmigrated_database) == SCHEMA_REVISION


async def revision_of(database: EmptyableDatabase) -> str:
    connection = await asyncpg.connect(database.url.get_secret_value())
    revision: str = await connection.fetchval("SELECT version_num FROM alembic_version")
    await connection.close()
    return revision


async def test_a_created_superuser_logs_in_as_one(
    mailing_client: httpx.AsyncClient, database: EmptyableDatabase
) -> None:
    created = await create_superuser(environment_of(database), email="Root@Example.com")

    response = await mailing_client.post("/api/v1/auth/login", data={"username": EMAIL, "password": PASSWORD})
    assert created.exit_code == 0, created.errors
    assert EMAIL in created.output
    claims = jwt.decode(response.json()["access_token"], options={"verify_signature": False})
    assert "admin" in claims["scope"].split()


async def test_creating_a_superuser_where_the_account_exists_changes_nothing(
    new_user: NewUser, database: EmptyableDatabase, stored: asyncpg.Connection
) -> None:
    await new_user(EMAIL)
    before = await stored.fetch("SELECT * FROM users")

    again = await create_superuser(environment_of(database), password="another battery staple")

    assert again.exit_code == 0, again.errors
    assert "nothing was changed" in again.output
    assert await stored.fetch("SELECT * FROM users") == before


async def test_a_superuser_needs_an_address_and_a_good_password(database: EmptyableDatabase) -> None:
    refused = await create_superuser(environment_of(database), email="no-address-4711", password="pw-4711")

    assert_refused_in_a_line(refused, naming="password")
    assert [line.partition(":")[0] for line in refused.errors.splitlines()] == ["email", "password"]


async def test_a_superusers_password_is_not_one_that_is_tried_first(database: EmptyableDatabase) -> None:
    refused = await create_superuser(environment_of(database), password="password1")

    assert_refused_in_a_line(refused, naming="password")


async def test_bad_settings_are_named_at_once(database: EmptyableDatabase) -> None:
    bad = {"ALGORITHM": "none-4711", "ACCESS_TOKEN_EXPIRE_MINUTES": "4711", "REGISTRATION_ENABLED": "4711"}

    refused = await create_superuser(environment_of(database) | bad)

    assert_refused_in_a_line(refused, naming="ALGORITHM")
    names = [line.partition(" ")[0] for line in refused.errors.splitlines()]
    assert sorted(names) == ["ACCESS_TOKEN_EXPIRE_MINUTES", "ALGORITHM", "REGISTRATION_ENABLED"]


async def test_a_database_that_is_away_is_said_in_a_line() -> None:
    refused = await create_superuser({"ENVIRONMENT": "local", "AUTH_DATABASE_URL": UNREACHABLE})

    assert_refused_in_a_line(refused, naming="database")


async def test_a_database_that_is_away_at_a_migration_is_said_in_a_line() -> None:
    refused = await run("migrate", environment={"ENVIRONMENT": "local", "AUTH_DATABASE_URL": UNREACHABLE})

    assert_refused_in_a_line(refused, naming="database")
