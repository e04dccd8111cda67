"""The feed: other services hear of every event once at least, in an order that nothing is inserted into."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import datetime
from typing import Any

import asyncpg
import httpx
import pytest
from fastapi import FastAPI

from auth_service.schemas.users import UserWithToken
from auth_service.services.event_feed import EVENTS_AT_ONCE
from service_chassis.testing.clients import running_client
from service_chassis.testing.databases import EmptyableDatabase
from service_chassis.testing.door import Door
from service_chassis.testing.issuer import ISSUER

EVENTS = "/internal/events"
INSERT = "INSERT INTO outbox_events (type, subject, data) VALUES ('session.revoked', $1, '{}')"

NewUser = Callable[..., Awaitable[UserWithToken]]
ServiceToken = Callable[..., Awaitable[str]]


@pytest.fixture
async def follower(
    client: httpx.AsyncClient, app: FastAPI, service_token: ServiceToken
) -> AsyncIterator[httpx.AsyncClient]:
    headers = {"Authorization": f"Bearer {await service_token(app)}"}
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=client.base_url, headers=headers) as own:
        yield own


@pytest.fixture
async def other_writer(database: EmptyableDatabase) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(database.url.get_secret_value())
    yield connection
    await connection.close()


async def read(follower: httpx.AsyncClient, **parameters: Any) -> list[dict[str, Any]]:
    response = await follower.get(EVENTS, params=parameters)
    assert response.status_code == 200, response.text
    events: list[dict[str, Any]] = response.json()
    return events


async def read_settled(follower: httpx.AsyncClient, *, count: int, **parameters: Any) -> list[dict[str, Any]]:
    """Read when no transaction is older than the events, not even another test's on the same server."""
    async with asyncio.timeout(10):
        while len(events := await read(follower, **parameters)) < count:  # noqa: ASYNC110  # PostgreSQL tells nobody
            await asyncio.sleep(0.02)
    return events


def subjects(events: list[dict[str, Any]]) -> list[str]:
    return [event["subject"] for event in events]


async def test_an_ended_session_is_told_as_a_cloud_event(
    follower: httpx.AsyncClient, client: httpx.AsyncClient, new_user: NewUser
) -> None:
    user = await new_user()
    await client.post("/api/v1/auth/logout", json={"refresh_token": user.token.refresh_token})

    await read_settled(follower, count=1)
    response = await follower.get(EVENTS)

    [event] = response.json()
    assert response.headers["Content-Type"] == "application/cloudevents-batch+json"
    assert (event["specversion"], event["type"], event["source"]) == ("1.0", "session.revoked", ISSUER)
    assert event["data"] == {"user_id": str(user.id)}
    assert datetime.fromisoformat(event["time"]).tzinfo is not None


async def test_an_events_id_is_the_cursor_after_it(follower: httpx.AsyncClient, stored: asyncpg.Connection) -> None:
    for subject in "abc":
        await stored.execute(INSERT, subject)

    first = await read_settled(follower, count=3)
    rest = await read(follower, after=first[0]["id"])

    assert subjects(first) == ["a", "b", "c"]
    assert subjects(rest) == ["b", "c"]
    assert await read(follower, after=rest[-1]["id"]) == []


async def test_nothing_is_skipped_when_a_lower_number_commits_after_a_higher_one_was_written(
    follower: httpx.AsyncClient, stored: asyncpg.Connection, other_writer: asyncpg.Connection
) -> None:
    await stored.execute(INSERT, "before")
    slow = other_writer.transaction()
    await slow.start()
    await other_writer.execute(INSERT, "slow")
    await stored.execute(INSERT, "quick")

    while_it_runs = await read_settled(follower, count=1)
    await slow.commit()
    afterwards = await read_settled(follower, count=2, after=while_it_runs[-1]["id"])

    assert subjects(while_it_runs) == ["before"]
    assert subjects(afterwards) == ["slow", "quick"]


async def test_many_interleaved_writers_are_read_completely(
    follower: httpx.AsyncClient, database: EmptyableDatabase
) -> None:
    async def write(writer: int) -> None:
        connection = await asyncpg.connect(database.url.get_secret_value())
        for number in range(20):
            async with connection.transaction():
                await connection.execute(INSERT, f"{writer}-{number}")
                await asyncio.sleep(0.001 * ((writer * number) % 3))
        await connection.close()

    writing = asyncio.gather(*(write(writer) for writer in range(5)))
    seen: list[str] = []
    cursor: dict[str, str] = {}
    while not writing.done() or len(seen) < 100:
        events = await read(follower, wait=5, **cursor)
        seen += subjects(events)
        cursor = {"after": events[-1]["id"]} if events else cursor

    assert sorted(seen) == sorted(f"{writer}-{number}" for writer in range(5) for number in range(20))


async def test_a_page_is_bounded(follower: httpx.AsyncClient, stored: asyncpg.Connection) -> None:
    count = EVENTS_AT_ONCE + 1
    await stored.executemany(INSERT, [(str(number),) for number in range(count)])

    page = await read_settled(follower, count=EVENTS_AT_ONCE)
    rest = await read_settled(follower, count=1, after=page[-1]["id"])

    assert len(page) == EVENTS_AT_ONCE
    assert subjects(rest) == [str(count - 1)]


async def test_a_long_poll_is_answered_when_an_event_appears(
    follower: httpx.AsyncClient, app: FastAPI, stored: asyncpg.Connection
) -> None:
    poll = asyncio.create_task(read(follower, wait=30))
    await until_waiting(app)

    await stored.execute(INSERT, "new")

    assert subjects(await asyncio.wait_for(poll, 5)) == ["new"]


async def test_a_long_poll_without_events_is_answered_in_time_with_none(follower: httpx.AsyncClient) -> None:
    assert await asyncio.wait_for(read(follower, wait=1), 5) == []


async def test_a_hundred_idle_polls_hold_no_connection_and_stand_in_nobodys_way(
    new_app: Callable[..., FastAPI], database: EmptyableDatabase, service_token: ServiceToken
) -> None:
    app = new_app(database_pool_size=2)
    async with running_client(app) as client:
        client.headers["Authorization"] = f"Bearer {await service_token(app)}"
        polls = [asyncio.create_task(read(client, wait=30)) for _ in range(100)]
        await until_waiting(app, count=100)

        checks = await asyncio.gather(*(client.get("/health/ready") for _ in range(4)))
        await database.execute(INSERT, "for all")
        answers = await asyncio.wait_for(asyncio.gather(*polls), 10)

    assert {check.status_code for check in checks} == {200}
    assert [subjects(answer) for answer in answers] == [["for all"]] * 100


async def test_a_long_poll_is_told_that_the_database_has_gone_away(
    new_app: Callable[..., FastAPI], database: EmptyableDatabase, service_token: ServiceToken
) -> None:
    door = Door(database.url)
    await door.open()
    app = new_app(database_url=door.url)
    async with running_client(app) as client:
        client.headers["Authorization"] = f"Bearer {await service_token(app)}"
        poll = asyncio.create_task(client.get(EVENTS, params={"wait": 30}))
        await until_waiting(app)

        await door.shut()

        assert (await asyncio.wait_for(poll, 5)).json()["code"] == "database_unavailable"


async def test_a_reader_that_hangs_up_is_not_waited_for(follower: httpx.AsyncClient, app: FastAPI) -> None:
    poll = asyncio.create_task(read(follower, wait=30))
    await until_waiting(app)

    poll.cancel()
    await asyncio.gather(poll, return_exceptions=True)

    assert app.state.resources.event_feed.waiting_count == 0


async def test_a_cursor_whose_successors_were_pruned_is_gone(
    follower: httpx.AsyncClient, stored: asyncpg.Connection
) -> None:
    for subject in "abc":
        await stored.execute(INSERT, subject)
    a, b, c = [event["id"] for event in await read_settled(follower, count=3)]

    await stored.execute(
        "INSERT INTO outbox_horizon (transaction_id, event_id) VALUES ($1, $2)", *map(int, b.split("-"))
    )

    gone = await follower.get(EVENTS, params={"after": a})
    assert (gone.status_code, gone.json()["code"]) == (410, "cursor_too_old")
    assert gone.headers["Content-Type"] == "application/problem+json"
    assert subjects(await read_settled(follower, count=1, after=b)) == ["c"]
    assert await read(follower, after=c) == []


async def test_a_cursor_of_another_database_is_gone(follower: httpx.AsyncClient) -> None:
    gone = await follower.get(EVENTS, params={"after": f"{2**60}-1"})

    assert (gone.status_code, gone.json()["code"]) == (410, "cursor_too_old")


@pytest.mark.parametrize(
    "parameters",
    [{"after": "x"}, {"after": "1-"}, {"after": f"{2**63}-1"}, {"after": "-1-1"}, {"wait": 31}, {"wait": -1}, {"x": 1}],
)
async def test_what_is_no_cursor_and_no_time_to_wait_is_refused(
    follower: httpx.AsyncClient, parameters: dict[str, str | int]
) -> None:
    refused = await follower.get(EVENTS, params=parameters)

    assert (refused.status_code, refused.json()["code"]) == (422, "invalid_request")


async def test_the_feed_is_for_machine_clients_with_the_scope_alone(
    client: httpx.AsyncClient, app: FastAPI, new_user: NewUser, service_token: ServiceToken
) -> None:
    user = (await new_user()).token.access_token
    without_scope = await service_token(app, scope="")

    headers = [{}, *({"Authorization": f"Bearer {token}"} for token in (user, without_scope))]
    answers = [await client.get(EVENTS, headers=sent) for sent in headers]

    assert [answer.json()["code"] for answer in answers] == ["missing_token", "invalid_token", "insufficient_scope"]


async def until_waiting(app: FastAPI, *, count: int = 1) -> None:
    async with asyncio.timeout(10):
        while app.state.resources.event_feed.waiting_count != count:  # noqa: ASYNC110  # it tells nobody
            await asyncio.sleep(0.01)
