"""What is denied is refused by every replica a moment later, and by one that starts."""

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack
from uuid import UUID, uuid4

import asyncpg
import httpx
from fastapi import FastAPI

from items_service.core.config import Settings
from items_service.main import create_app
from service_chassis.testing.clients import running_client
from service_chassis.testing.databases import EmptyableDatabase
from service_chassis.testing.door import Door
from service_chassis.testing.issuer import TokenIssuer
from service_chassis.testing.key_server import KeyServer

ITEMS = "/api/v1/items"
PATIENCE_SECONDS = 5.0

DENY = """
    INSERT INTO denials (kind, subject, minimum_rights_version, denied_until)
    VALUES ($1, $2, $3, now() + interval '1 hour')
"""


async def deny(other_session: asyncpg.Connection, *, kind: str, subject: UUID, below: int = 0) -> None:
    await other_session.execute(DENY, kind, subject, below)


async def answer(client: httpx.AsyncClient, token: str) -> httpx.Response:
    return await client.get(ITEMS, headers={"Authorization": f"Bearer {token}"})


async def until(status: int, client: httpx.AsyncClient, *, token: str) -> httpx.Response:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while (response := await answer(client, token)).status_code != status:  # noqa: ASYNC110  # nobody tells of it
            await asyncio.sleep(0.02)
    return response


async def test_an_ended_session_is_refused_by_every_replica(
    settings: Settings, other_session: asyncpg.Connection, issuer: TokenIssuer
) -> None:
    session_id = uuid4()
    token, other = issuer.token(sid=str(session_id)), issuer.token()
    async with AsyncExitStack() as stack:
        replicas = [await stack.enter_async_context(running_client(create_app(settings))) for _ in range(2)]
        assert [(await answer(replica, token)).status_code for replica in replicas] == [200, 200]

        await deny(other_session, kind="session", subject=session_id)

        for replica in replicas:
            refused = await until(401, replica, token=token)
            assert refused.json()["code"] == "invalid_token"
            assert (await answer(replica, other)).status_code == 200


async def test_a_replica_that_starts_refuses_at_once(
    settings: Settings, other_session: asyncpg.Connection, issuer: TokenIssuer
) -> None:
    session_id = uuid4()
    await deny(other_session, kind="session", subject=session_id)

    async with running_client(create_app(settings)) as client:
        assert (await client.get("/health/ready")).status_code == 200
        assert (await answer(client, issuer.token(sid=str(session_id)))).status_code == 401


async def test_tokens_from_before_a_change_of_rights_are_refused_and_those_after_it_are_not(
    anonymous: httpx.AsyncClient, other_session: asyncpg.Connection, issuer: TokenIssuer, owner_id: UUID
) -> None:
    before, after = (issuer.token(sub=str(owner_id), ver=version) for version in (6, 7))

    await deny(other_session, kind="user", subject=owner_id, below=7)

    await until(401, anonymous, token=before)
    assert (await answer(anonymous, after)).status_code == 200
    assert (await answer(anonymous, issuer.token(ver=6))).status_code == 200


async def test_a_denial_that_commits_after_a_later_one_is_not_missed(
    anonymous: httpx.AsyncClient, other_session: asyncpg.Connection, database: EmptyableDatabase, issuer: TokenIssuer
) -> None:
    late, early = uuid4(), uuid4()
    async with other_session.transaction():
        await deny(other_session, kind="session", subject=late)
        other = await asyncpg.connect(database.url.get_secret_value())
        await deny(other, kind="session", subject=early)
        await other.close()
        await until(401, anonymous, token=issuer.token(sid=str(early)))
        assert (await answer(anonymous, issuer.token(sid=str(late)))).status_code == 200

    await until(401, anonymous, token=issuer.token(sid=str(late)))


async def test_a_lifted_denial_is_forgotten(
    anonymous: httpx.AsyncClient, other_session: asyncpg.Connection, issuer: TokenIssuer
) -> None:
    session_id = uuid4()
    token = issuer.token(sid=str(session_id))
    await deny(other_session, kind="session", subject=session_id)
    await until(401, anonymous, token=token)

    await other_session.execute(
        "UPDATE denials SET denied_until = now() - interval '1 minute', "
        "transaction_id = pg_current_xact_id()::text::bigint"
    )

    await until(200, anonymous, token=token)


async def test_a_dropped_key_is_forgotten_although_it_is_still_published(
    settings: Settings, other_session: asyncpg.Connection, key_server: KeyServer
) -> None:
    issuer = TokenIssuer(str(uuid4()))
    key_server.document = issuer.key_set()
    async with running_client(create_app(settings)) as client:
        assert (await answer(client, issuer.token())).status_code == 200

        await deny(other_session, kind="key", subject=UUID(issuer.key_id))

        await until(401, client, token=issuer.token())


async def test_what_is_denied_stays_denied_while_the_database_is_away(
    new_settings: Callable[..., Settings], door: Door, other_session: asyncpg.Connection, issuer: TokenIssuer
) -> None:
    session_id = uuid4()
    await deny(other_session, kind="session", subject=session_id)
    async with running_client(create_app(new_settings(database_url=door.url))) as client:
        await door.shut()

        assert (await answer(client, issuer.token(sid=str(session_id)))).status_code == 401
        assert (await answer(client, issuer.token())).status_code == 503


async def test_without_ever_having_seen_the_denials_nobody_is_let_in(
    new_settings: Callable[..., Settings], door: Door, issuer: TokenIssuer
) -> None:
    await door.shut()

    async with running_client(create_app(new_settings(database_url=door.url))) as client:
        refused = await answer(client, issuer.token())

    assert (refused.status_code, refused.json()["code"]) == (503, "database_unavailable")


async def test_the_size_and_the_feeds_age_can_be_read(
    app: FastAPI, anonymous: httpx.AsyncClient, other_session: asyncpg.Connection, issuer: TokenIssuer
) -> None:
    denylist = app.state.resources.denylist
    assert (denylist.size, denylist.feed_age_seconds) == (0, float("inf"))

    session_id = uuid4()
    await other_session.execute("INSERT INTO feed_cursor (followed_at) VALUES (now() - interval '1 hour')")
    await deny(other_session, kind="session", subject=session_id)
    await until(401, anonymous, token=issuer.token(sid=str(session_id)))
    async with asyncio.timeout(PATIENCE_SECONDS):
        while denylist.feed_age_seconds == float("inf"):  # noqa: ASYNC110  # nobody tells of it
            await asyncio.sleep(0.02)

    assert denylist.size == 1
    assert 3600 <= denylist.feed_age_seconds < 3700
