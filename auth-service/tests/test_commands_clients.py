"""`auth-service clients`: make, list and revoke machine clients."""

import asyncio
import re
from collections.abc import Awaitable, Callable, Iterator

import asyncpg
import httpx
import pytest

from auth_service.commands import main
from service_chassis.testing.commands import Finished, run_command
from service_chassis.testing.databases import EmptyableDatabase

CREATE = ("create", "items-service", "--scope", "events:read")
SECRET = "0123456789abcdef" * 4
OTHER_SECRET = "fedcba9876543210" * 4

Run = Callable[..., Awaitable[Finished]]


@pytest.fixture
def run(database: EmptyableDatabase) -> Run:
    """Run a command to its end, without keeping the test's own connections waiting."""
    environment = {"ENVIRONMENT": "local", "AUTH_DATABASE_URL": database.url.get_secret_value()}

    async def run_to_its_end(*arguments: str, given: str = "") -> Finished:
        return await asyncio.to_thread(run_command, main, "clients", *arguments, environment=environment, given=given)

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
    finished = await run(*CREATE)

    [secret] = re.findall(r"^Secret: (.+)$", finished.output, re.MULTILINE)
    assert finished.exit_code == 0
    assert (await get_token(client, secret)).status_code == 200


async def test_a_secret_is_printed_once_and_stored_nowhere(run: Run, stored: asyncpg.Connection) -> None:
    finished = await run(*CREATE)

    [secret] = re.findall(r"^Secret: (.+)$", finished.output, re.MULTILINE)
    assert finished.output.count(secret) == 1
    assert secret not in (await run("list")).output
    rows = [*await stored.fetch("SELECT * FROM oauth_clients"), *await stored.fetch("SELECT * FROM audit_events")]
    assert secret not in str(rows)


async def test_a_secret_from_standard_input_is_not_printed(run: Run, client: httpx.AsyncClient) -> None:
    finished = await run(*CREATE, "--secret-from-stdin", given=f"{SECRET}\n")

    assert finished.exit_code == 0
    assert SECRET not in finished.output
    assert (await get_token(client, SECRET)).status_code == 200


async def test_making_the_same_client_again_changes_nothing(run: Run, stored: asyncpg.Connection) -> None:
    await run(*CREATE, "--secret-from-stdin", given=SECRET)
    before = await stored.fetch("SELECT * FROM oauth_clients")

    finished = await run(*CREATE, "--scope", "events:read", "--secret-from-stdin", given=SECRET)

    assert finished.exit_code == 0
    assert "nothing was changed" in finished.output
    assert await stored.fetch("SELECT * FROM oauth_clients") == before


@pytest.mark.parametrize("arguments", [CREATE, (*CREATE, "--secret-from-stdin")])
async def test_a_taken_name_is_refused(run: Run, client: httpx.AsyncClient, arguments: tuple[str, ...]) -> None:
    await run(*CREATE, "--secret-from-stdin", given=SECRET)

    finished = await run(*arguments, given=OTHER_SECRET)

    assert finished.exit_code == 1
    assert "revoke it first" in finished.errors
    assert "Secret" not in finished.output
    assert (await get_token(client, SECRET)).status_code == 200


async def test_a_revoked_client_gets_no_more_tokens(run: Run, client: httpx.AsyncClient) -> None:
    await run(*CREATE, "--secret-from-stdin", given=SECRET)

    finished = await run("revoke", "items-service")

    assert finished.exit_code == 0
    assert "Revoked the client items-service." in finished.output
    assert (await get_token(client, SECRET)).status_code == 401


async def test_revoking_again_changes_nothing(run: Run, stored: asyncpg.Connection) -> None:
    await run(*CREATE)
    await run("revoke", "items-service")
    before = await stored.fetch("SELECT * FROM oauth_clients")

    finished = await run("revoke", "items-service")

    assert finished.exit_code == 0
    assert "nothing was changed" in finished.output
    assert await stored.fetch("SELECT * FROM oauth_clients") == before


async def test_revoking_an_unknown_client_is_refused(run: Run) -> None:
    finished = await run("revoke", "unknown")

    assert (finished.exit_code, finished.errors) == (1, "There is no client of this name.\n")


async def test_a_revoked_secret_never_comes_back(run: Run, client: httpx.AsyncClient) -> None:
    await run(*CREATE, "--secret-from-stdin", given=SECRET)
    await run("revoke", "items-service")

    finished = await run(*CREATE, "--secret-from-stdin", given=SECRET)

    assert finished.exit_code == 1
    assert "was revoked" in finished.errors
    assert (await get_token(client, SECRET)).status_code == 401


async def test_a_revoked_clients_name_begins_again_with_another_secret(run: Run, client: httpx.AsyncClient) -> None:
    await run(*CREATE, "--secret-from-stdin", given=SECRET)
    await run("revoke", "items-service")

    finished = await run(*CREATE, "--secret-from-stdin", given=OTHER_SECRET)

    assert finished.exit_code == 0
    assert [(await get_token(client, secret)).status_code for secret in (SECRET, OTHER_SECRET)] == [401, 200]


async def test_the_list_has_a_line_for_each_client(run: Run) -> None:
    await run(*CREATE)
    await run("create", "another", "--scope", "events:read")
    await run("revoke", "items-service")

    finished = await run("list")

    columns = [line.split("\t") for line in finished.output.splitlines()]
    assert finished.exit_code == 0
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
    finished = await run(*arguments, "--secret-from-stdin", given=given)

    assert finished.exit_code == 1
    assert finished.errors.startswith(f"{named}: ")
    assert "4711" not in finished.errors
    assert await stored.fetchval("SELECT count(*) FROM oauth_clients") == 0


async def test_a_client_without_a_scope_is_no_command(run: Run) -> None:
    finished = await run("create", "integrator")

    assert finished.exit_code == 2


@pytest.mark.parametrize("arguments", [("--help",), ("create", "--help"), ("list", "--help"), ("revoke", "--help")])
async def test_every_command_explains_itself(run: Run, arguments: tuple[str, ...]) -> None:
    finished = await run(*arguments)

    assert finished.exit_code == 0
    assert "clients" in finished.output


async def test_beginning_and_end_of_a_client_are_on_record(run: Run, stored: asyncpg.Connection) -> None:
    await run(*CREATE)
    await run("revoke", "items-service")

    statement = (
        "SELECT type, user_agent, details->>'client_id' FROM audit_events WHERE type LIKE 'client.%' ORDER BY id"
    )
    events = await stored.fetch(statement)
    assert [tuple(event) for event in events] == [
        ("client.created", "command line", "items-service"),
        ("client.revoked", "command line", "items-service"),
    ]
