"""`auth-service keys`: list, rotate and drop signing keys."""

import asyncio
import sys
from collections.abc import Awaitable, Callable
from uuid import uuid4

import asyncpg
import httpx
import pytest

from auth_service.commands import main
from service_chassis.testing.databases import EmptyableDatabase

JWKS = "/.well-known/jwks.json"
LONG_AGO = "UPDATE signing_keys SET created_at = now() - interval '40 days'"

Run = Callable[..., Awaitable[tuple[int | str, str]]]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, database: EmptyableDatabase, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a command in this process; the result is its exit code, or what it says when it refuses, and its output."""
    monkeypatch.setenv("ENVIRONMENT", "local")
    monkeypatch.setenv("AUTH_DATABASE_URL", database.url.get_secret_value())

    async def run_to_its_end(*arguments: str) -> tuple[int | str, str]:
        monkeypatch.setattr(sys, "argv", ["auth-service", "keys", *arguments])
        capsys.readouterr()
        with pytest.raises(SystemExit) as end:
            await asyncio.to_thread(main)
        return end.value.code or 0, capsys.readouterr().out

    return run_to_its_end


async def published_key_ids(client: httpx.AsyncClient) -> list[str]:
    return [key["kid"] for key in (await client.get(JWKS)).json()["keys"]]


async def until_published(client: httpx.AsyncClient, key_ids: set[str]) -> None:
    async with asyncio.timeout(5):
        while set(await published_key_ids(client)) != key_ids:  # noqa: ASYNC110  # nobody tells of a reading
            await asyncio.sleep(0.05)


async def stored_key_ids(stored: asyncpg.Connection) -> set[str]:
    return {str(row["id"]) for row in await stored.fetch("SELECT id FROM signing_keys")}


async def test_a_rotation_is_published_by_a_running_service(
    run: Run, client: httpx.AsyncClient, stored: asyncpg.Connection
) -> None:
    [first] = await published_key_ids(client)

    exit_code, output = await run("rotate")

    [second] = await stored_key_ids(stored) - {first}
    assert exit_code == 0
    assert second in output
    await until_published(client, {first, second})


async def test_a_scheduled_rotation_of_young_keys_does_nothing_and_succeeds(
    run: Run, client: httpx.AsyncClient, stored: asyncpg.Connection
) -> None:
    [first] = await published_key_ids(client)

    young = await run("rotate", "--if-older-than", "30d")
    await stored.execute(LONG_AGO)
    old = await run("rotate", "--if-older-than", "30d")

    assert "none was due" in young[1]
    assert "none was due" not in old[1]
    assert (young[0], old[0]) == (0, 0)
    assert len(await stored_key_ids(stored)) == 2
    assert first in await stored_key_ids(stored)


async def test_the_list_shows_each_key_with_its_state_and_secret(run: Run, client: httpx.AsyncClient) -> None:
    [first] = await published_key_ids(client)
    await run("rotate")

    exit_code, output = await run("list")

    [_, waiting, signing] = output.splitlines()
    assert exit_code == 0
    assert waiting.split()[2] == "published"
    assert [signing.split()[column] for column in (0, 1, 2, -1)] == [first, "ES256", "signing", "first"]


async def test_a_dropped_key_is_replaced_in_a_running_service(run: Run, client: httpx.AsyncClient) -> None:
    [leaked] = await published_key_ids(client)

    exit_code, output = await run("drop", leaked)

    async with asyncio.timeout(10):
        while leaked in await published_key_ids(client):  # noqa: ASYNC110  # nobody tells of a reading
            await asyncio.sleep(0.05)
    assert exit_code == 0
    assert "a new key signs" in output


@pytest.mark.parametrize("command", ["drop", "rotate"])
async def test_a_dry_run_changes_nothing(
    run: Run, client: httpx.AsyncClient, stored: asyncpg.Connection, command: str
) -> None:
    key_ids = await published_key_ids(client)
    before = await stored.fetch("SELECT * FROM audit_events")

    exit_code, output = await run(command, "--dry-run", *(key_ids if command == "drop" else ()))

    assert exit_code == 0
    assert "Would" in output
    assert await stored_key_ids(stored) == set(key_ids)
    assert await stored.fetch("SELECT * FROM audit_events") == before
    assert await stored.fetchval("SELECT count(*) FROM outbox_events") == 0


async def test_dropping_a_key_that_does_not_exist_fails(run: Run, client: httpx.AsyncClient) -> None:
    await published_key_ids(client)

    assert "no signing key" in str((await run("drop", str(uuid4())))[0])


@pytest.mark.parametrize("arguments", [("rotate", "--if-older-than", "a month"), ("drop", "no-id")])
async def test_nonsense_is_a_usage_error(run: Run, client: httpx.AsyncClient, arguments: tuple[str, ...]) -> None:
    await published_key_ids(client)

    assert (await run(*arguments))[0] == 2
