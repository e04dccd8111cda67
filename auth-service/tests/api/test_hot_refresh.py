"""A hot endpoint exchanges refresh tokens as its route does, however many ask at once."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import asyncpg
import httpx
import jwt
import pytest
from fastapi import FastAPI
from sqlalchemy import event

from auth_service.core.security import hash_refresh_token
from auth_service.schemas.devices import Device
from auth_service.schemas.tokens import TokenPair
from auth_service.schemas.users import UserWithToken
from service_chassis.statement_pool import MAXIMUM_CONNECTIONS
from service_chassis.testing.clients import running_client
from service_chassis.testing.databases import EmptyableDatabase
from service_chassis.testing.metrics import metric, rise_of

NewUser = Callable[..., Awaitable[UserWithToken]]
UntilSomebodyWaits = Callable[[], Awaitable[None]]

REFRESH = "/api/v1/auth/refresh"
JSON = {"Content-Type": "application/json", "X-Request-ID": "the-same-for-both", "User-Agent": "a browser"}
# The route alone takes a parameter.
FOR_THE_ROUTE = JSON | {"Content-Type": "application/json; charset=utf-8"}
EXCHANGING_CONNECTIONS = """
SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'WITH usable AS%'
"""


@pytest.fixture
def engine_statements(app: FastAPI) -> Iterator[list[str]]:
    """Collect what goes through SQLAlchemy, which nothing hot does."""
    statements: list[str] = []
    engine = app.state.resources.database.engine.sync_engine

    def collect(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        if "refresh_tokens" in statement:
            statements.append(statement)

    event.listen(engine, "before_cursor_execute", collect)
    yield statements
    event.remove(engine, "before_cursor_execute", collect)


async def refresh(client: httpx.AsyncClient, token: str, *, headers: dict[str, str] = JSON) -> httpx.Response:
    return await client.post(REFRESH, headers=headers, content=f'{{"refresh_token": "{token}"}}')


async def rows_of(stored: asyncpg.Connection, user: UserWithToken) -> list[Any]:
    rows = await stored.fetch(
        """
        SELECT used_at IS NOT NULL AS used, length(sealed_successor) AS sealed_bytes, address, user_agent,
            date_trunc('hour', refresh_tokens.expires_at - now()) AS idle, last_used_at > sessions.created_at AS touched
        FROM refresh_tokens JOIN sessions ON sessions.id = session_id WHERE user_id = $1 ORDER BY refresh_tokens.id
        """,
        user.id,
    )
    return [tuple(row) for row in rows]


async def test_a_refresh_is_answered_like_by_its_route(
    client: httpx.AsyncClient,
    new_user: NewUser,
    stored: asyncpg.Connection,
    engine_statements: list[str],
    logged: Callable[[], list[dict[str, Any]]],
) -> None:
    users = [await new_user(), await new_user()]
    engine_statements.clear()
    logged()

    with rise_of("tandem_tokens_issued_total", grant="refresh_token") as issued:
        hot = await refresh(client, users[0].token.refresh_token)
        assert engine_statements == []
        ordinary = await refresh(client, users[1].token.refresh_token, headers=FOR_THE_ROUTE)

    assert (hot.status_code, issued.by, len(engine_statements) > 0) == (200, 2, True)
    assert dict(hot.headers) == dict(ordinary.headers)
    assert list(hot.json()) == list(ordinary.json())
    of_hot, of_ordinary = [
        jwt.decode(answer.json()["access_token"], options={"verify_signature": False}) for answer in (hot, ordinary)
    ]
    assert {*of_hot} == {*of_ordinary}
    assert (of_hot["sub"], of_hot["ver"], of_hot["scope"]) == (str(users[0].id), 0, hot.json()["scope"])
    assert await rows_of(stored, users[0]) == await rows_of(stored, users[1])
    lines = [line for line in logged() if line["logger"] == "access"]
    assert [line["user_id"] for line in lines] == [str(user.id) for user in users]
    assert {line["route"] for line in lines} == {REFRESH}
    assert lines[0].keys() == lines[1].keys()


async def test_the_successor_of_a_hot_refresh_is_of_use_and_repeated(
    client: httpx.AsyncClient, new_user: NewUser, engine_statements: list[str]
) -> None:
    user = await new_user()
    first = await refresh(client, user.token.refresh_token)
    engine_statements.clear()

    repeated = await refresh(client, user.token.refresh_token)
    second = await refresh(client, first.json()["refresh_token"])

    assert engine_statements  # The route repeated what was sealed for who holds the used token.
    assert repeated.json()["refresh_token"] == first.json()["refresh_token"]
    assert second.status_code == 200


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b"null", b'{"refresh_token": 1}', b'{"refresh_token": "x"}', b'{"unknown": 1}']
)
async def test_what_is_no_good_token_is_refused_like_by_the_route(client: httpx.AsyncClient, content: bytes) -> None:
    hot = await client.post(REFRESH, headers=JSON, content=content)
    ordinary = await client.post(REFRESH, headers=FOR_THE_ROUTE, content=content)

    assert (hot.status_code, dict(hot.headers)) == (ordinary.status_code, dict(ordinary.headers))
    assert hot.json() | {"trace_id": ""} == ordinary.json() | {"trace_id": ""}
    assert hot.status_code >= 400


async def test_of_many_who_exchange_a_token_at_once_one_does(
    new_app: Callable[..., FastAPI], app: FastAPI, new_user: NewUser, stored: asyncpg.Connection
) -> None:
    user = await new_user()
    other = new_app()
    exchanges = [app.state.resources.token_exchange, other.state.resources.token_exchange] * 8

    try:
        pairs = await asyncio.gather(
            *(each.exchange(user.token.refresh_token, device=Device("address", "agent")) for each in exchanges)
        )
    finally:
        await other.state.resources.close()

    [pair] = [pair for pair in pairs if pair is not None]
    rows = await stored.fetch("SELECT token_hash, used_at IS NOT NULL FROM refresh_tokens ORDER BY id")
    assert [tuple(row) for row in rows] == [
        (hash_refresh_token(user.token.refresh_token), True),
        (hash_refresh_token(pair.refresh_token), False),
    ]


async def exchange_during(
    change: str, *, app: FastAPI, token: str, until_somebody_waits: UntilSomebodyWaits, database: EmptyableDatabase
) -> TokenPair | None:
    """Exchange a token whose rows another transaction has changed, which commits when it is waited for."""
    other = await asyncpg.connect(database.url.get_secret_value())
    try:
        async with other.transaction():
            await other.execute(change)
            exchange = app.state.resources.token_exchange
            exchanging = asyncio.create_task(exchange.exchange(token, device=Device("elsewhere", "agent")))
            await until_somebody_waits()
        pair: TokenPair | None = await exchanging
    finally:
        await other.close()
    return pair


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE sessions SET ended_at = now()",
        "UPDATE sessions SET expires_at = now()",
        "UPDATE refresh_tokens SET used_at = now() - interval '1 minute'",
        "UPDATE refresh_tokens SET expires_at = now()",
        "UPDATE users SET is_active = false; UPDATE sessions SET ended_at = now()",
        "DELETE FROM refresh_tokens; DELETE FROM users",
    ],
)
async def test_a_refresh_that_waited_for_a_change_judges_by_it_and_changes_nothing(
    app: FastAPI,
    new_user: NewUser,
    stored: asyncpg.Connection,
    database: EmptyableDatabase,
    until_somebody_waits: UntilSomebodyWaits,
    change: str,
) -> None:
    user = await new_user()

    pair = await exchange_during(
        change,
        app=app,
        token=user.token.refresh_token,
        until_somebody_waits=until_somebody_waits,
        database=database,
    )

    assert pair is None
    assert await stored.fetchval("SELECT count(*) FROM refresh_tokens WHERE sealed_successor IS NOT NULL") == 0
    assert await stored.fetchval("SELECT count(*) FROM sessions WHERE address = 'elsewhere'") == 0


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE sessions SET address = 'another tab'",
        "UPDATE refresh_tokens SET expires_at = expires_at + interval '1 minute'",
    ],
)
async def test_a_refresh_that_waited_for_what_does_not_concern_it_is_made_whole(
    app: FastAPI,
    new_user: NewUser,
    stored: asyncpg.Connection,
    database: EmptyableDatabase,
    until_somebody_waits: UntilSomebodyWaits,
    change: str,
) -> None:
    user = await new_user()

    pair = await exchange_during(
        change,
        app=app,
        token=user.token.refresh_token,
        until_somebody_waits=until_somebody_waits,
        database=database,
    )

    assert pair is not None
    # The rows are newer than what the statement saw when it began, and each of its parts has to change them.
    rows = await stored.fetch("SELECT token_hash, sealed_successor IS NOT NULL FROM refresh_tokens ORDER BY id")
    assert [tuple(row) for row in rows] == [
        (hash_refresh_token(user.token.refresh_token), True),
        (hash_refresh_token(pair.refresh_token), False),
    ]
    assert await stored.fetchval("SELECT address FROM sessions") == "elsewhere"


async def test_a_refresh_locks_its_token_before_its_session(
    app: FastAPI,
    new_user: NewUser,
    stored: asyncpg.Connection,
    database: EmptyableDatabase,
    until_somebody_waits: UntilSomebodyWaits,
) -> None:
    user = await new_user()
    other = await asyncpg.connect(database.url.get_secret_value())

    try:
        async with other.transaction():
            await other.execute("SELECT FROM sessions FOR UPDATE")
            exchange = app.state.resources.token_exchange
            exchanging = asyncio.create_task(exchange.exchange(user.token.refresh_token, device=Device("", "")))
            await until_somebody_waits()
            with pytest.raises(asyncpg.LockNotAvailableError):
                await stored.execute("SELECT FROM refresh_tokens FOR UPDATE NOWAIT")
    finally:
        await other.close()

    assert (await exchanging) is not None


async def test_its_connections_are_counted_with_the_others_and_closed_with_them(
    new_app: Callable[..., FastAPI], stored: asyncpg.Connection
) -> None:
    of_other_tests = await stored.fetchval(EXCHANGING_CONNECTIONS)

    async with running_client(new_app(database_pool_size=3, closes_connections=True)) as client:
        body = {"email": "ada@example.com", "password": "correct horse battery staple"}
        registered = await client.post("/api/v1/auth/register", json=body)
        await refresh(client, registered.json()["token"]["refresh_token"])

        assert metric("db_client_connection_max") == 3 + MAXIMUM_CONNECTIONS
        assert await stored.fetchval(EXCHANGING_CONNECTIONS) == of_other_tests + 1

    async with asyncio.timeout(10):
        while await stored.fetchval(EXCHANGING_CONNECTIONS) > of_other_tests:  # noqa: ASYNC110  # PostgreSQL does not tell
            await asyncio.sleep(0.005)
