"""`auth-service clients`: make, list and revoke machine clients."""

import asyncio
import io
import re
import sys
from collections.abc import Awaitable, Callable, Iterator

import asyncpg
import httpx
import pytest

from auth_service.commands import main
from service_chassis.testing.databases import EmptyableDatabase

CREATE = ("create", "items-service", "--scope", "events:read")
SECRET = "0123456789abcdef" * 4
OTHER_SECRET = "fedcba9876543210" * 4

Run = Callable[..., Awaitable[tuple[int | str, str]]]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, database: EmptyableDatabase, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a command in this process; the result is its exit code, or what it says when it refuses, and its output."""
    monkeypatch.setenv("ENVIRONMENT", "local")
    monkeypatch.setenv("AUTH_DATABASE_URL", database.url.get_secret_value())

    async def run_to_its_end(*arguments: str, given: str = "") -> tuple[int | str, str]:
        monkeypatch.setattr(sys, "argv", ["auth-service", "clients", *arguments])
        monkeypatch.setattr(sys, "stdin", io.StringIO(given))
        capsys.readouterr()
        with pytest.raises(SystemExit) as end:
            await asyncio.to_thread(main)
        return end.value.code or 0, capsys.readouterr().out

    return run_to_its_end


@pytest.fixture(autouse=True)
def _empty_afterwards(client: httpx.AsyncClient) -> Iterator[None]:
    # The client's application empties the database when the test has ended.
    yield
    assert client.is_closed is False


async def get_token(client: httpx.AsyncClient, secret: str) -> httpx.Response:
    form = {"grant_type": "client_credentials", "client_id": "items-service", "client_secret": secret}
    return await client.post("/api/v1/auth/token", data=form)


async def test_a_made_client_gets_tokens_with_the_secret_that_is_printed(run: Run, client: httpx.AsyncClient) -> None:
    exit_code, output = await run(*CREATE)

    [secret] = re.findall(r"^Secret: (.+)$", output, re.MULTILINE)
    assert exit_code == 0
    assert (await get_token(client, secret)).status_code == 200


async def test_a_secret_is_printed_once_and_stored_nowhere(run: Run, stored: asyncpg.Connection) -> None:
    _, output = await run(*CREATE)

    [secret] = re.findall(r"^Secret: (.+)$", output, re.MULTILINE)
    assert output.count(secret) == 1
    assert secret not in (await run("list"))[1]
    rows = [*await stored.fetch("SELECT * FROM oauth_clients"), *await stored.fetch("SELECT * FROM audit_events")]
    assert secret not in str(rows)


async def test_a_secret_from_standard_input_is_not_printed(run: Run, client: httpx.AsyncClient) -> None:
    exit_code, output = await run(*CREATE, "--secret-from-stdin", given=f"{SECRET}\n")

    assert exit_code == 0
    assert SECRET not in output
    assert (await get_token(client, SECRET)).status_code == 200


async def test_making_the_same_client_again_changes_nothing(run: Run, stored: asyncpg.Connection) -> None:
    await run(*CREATE, "--secret-from-stdin", given=SECRET)
    before = await stored.fetch("SELECT * FROM oauth_clients")

    exit_code, output = await run(*CREATE, "--scope", "events:read", "--secret-from-stdin", given=SECRET)

    assert exit_code == 0
    assert "nothing was changed" in output
    assert await stored.fetch("SELECT * FROM oauth_clients") == before


@pytest.mark.parametrize("arguments", [CREATE, (*CREATE, "--secret-from-stdin")])
async def test_a_taken_name_is_refused(run: Run, client: httpx.AsyncClient, arguments: tuple[str, ...]) -> None:
    await run(*CREATE, "--secret-from-stdin", given=SECRET)

    refusal, output = await run(*arguments, given=OTHER_SECRET)

    assert "revoke it first" in str(refusal)
    assert "Secret" not in output
    assert (await get_token(client, SECRET)).status_code == 200


async def test_a_revoked_client_gets_no_more_tokens(run: Run, client: httpx.AsyncClient) -> None:
    await run(*CREATE, "--secret-from-stdin", given=SECRET)

    exit_code, output = await run("revoke", "items-service")

    assert exit_code == 0
    assert "Revoked the client items-service." in output
    assert (await get_token(client, SECRET)).status_code == 401


async def test_revoking_again_changes_nothing(run: Run, stored: asyncpg.Connection) -> None:
    await run(*CREATE)
    await run("revoke", "items-service")
    before = await stored.fetch("SELECT * FROM oauth_clients")

    exit_code, output = await run("revoke", "items-service")

    assert exit_code == 0
    assert "nothing was changed" in output
    assert await stored.fetch("SELECT * FROM oauth_clients") == before


async def test_revoking_an_unknown_client_is_refused(run: Run) -> None:
    refusal, _ = await run("revoke", "unknown")

    assert refusal == "There is no client of this name."


async def test_a_revoked_secret_never_comes_back(run: Run, client: httpx.AsyncClient) -> None:
    await run(*CREATE, "--secret-from-stdin", given=SECRET)
    await run("revoke", "items-service")

    refusal, _ = await run(*CREATE, "--secret-from-stdin", given=SECRET)

    assert "was revoked" in str(refusal)
    assert (await get_token(client, SECRET)).status_code == 401


async def test_a_revoked_clients_name_begins_again_with_another_secret(run: Run, client: httpx.AsyncClient) -> None:
    await run(*CREATE, "--secret-from-stdin", given=SECRET)
    await run("revoke", "items-service")

    exit_code, _ = await run(*CREATE, "--secret-from-stdin", given=OTHER_SECRET)

    assert exit_code == 0
    assert [(await get_token(client, secret)).status_code for secret in (SECRET, OTHER_SECRET)] == [401, 200]


async def test_the_list_has_a_line_for_each_client(run: Run) -> None:
    await run(*CREATE)
    await run("create", "another", "--scope", "events:read")
    await run("revoke", "items-service")

    exit_code, output = await run("list")

    columns = [line.split("\t") for line in output.splitlines()]
    assert exit_code == 0
    assert [(name, scopes) for name, scopes, *_ in columns] == [
        ("another", "events:read"),
        ("items-service", "events:read"),
    ]
    assert [state.partition(" ")[0] for *_, state in columns] == ["active", "revoked"]


@pytest.mark.parametrize(
    ("arguments", "given", "named"),
    [
        pytest.param(("create", "Items Service", "--scope", "events:read"), SECRET, "name", id="name with a space"),
        pytest.param(("create", "a" * 64, "--scope", "events:read"), SECRET, "name", id="long name"),
        pytest.param(("create", "integrator", "--scope", "items:read"), SECRET, "scopes", id="a users' scope"),
        pytest.param(("create", "integrator", "--scope", "admin"), SECRET, "scopes", id="the superusers' scope"),
        pytest.param(CREATE, "", "secret", id="no secret"),
        pytest.param(CREATE, "4711", "secret", id="short secret"),
        pytest.param(CREATE, "4711%" * 10, "secret", id="letters that are encoded in different ways"),
    ],
)
async def test_a_client_that_cannot_be_is_refused(
    run: Run, stored: asyncpg.Connection, arguments: tuple[str, ...], given: str, named: str
) -> None:
    refusal, _ = await run(*arguments, "--secret-from-stdin", given=given)

    assert str(refusal).startswith(f"{named}: ")
    assert "4711" not in str(refusal)
    assert await stored.fetchval("SELECT count(*) FROM oauth_clients") == 0


async def test_a_client_without_a_scope_is_no_command(run: Run) -> None:
    exit_code, _ = await run("create", "integrator")

    assert exit_code == 2


@pytest.mark.parametrize("arguments", [("--help",), ("create", "--help"), ("list", "--help"), ("revoke", "--help")])
async def test_every_command_explains_itself(run: Run, arguments: tuple[str, ...]) -> None:
    exit_code, output = await run(*arguments)

    assert exit_code == 0
    assert "clients" in output


async def test_beginning_and_end_of_a_client_are_on_record(run: Run, stored: asyncpg.Connection) -> None:
    await run(*CREATE)
    await run("revoke", "items-service")

    events = await stored.fetch("SELECT type, user_agent, details->>'client_id' FROM audit_events ORDER BY id")
    assert [tuple(event) for event in events] == [
        ("client.created", "command line", "items-service"),
        ("client.revoked", "command line", "items-service"),
    ]
