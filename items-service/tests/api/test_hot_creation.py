"""A hot endpoint creates items as its route does."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from uuid import UUID

import asyncpg
import httpx
import pytest

from service_chassis.testing.databases import EmptyableDatabase

AnswerOfBoth = Callable[..., Awaitable[httpx.Response]]

ITEMS = "/api/v1/items"
JSON = {"Content-Type": "application/json"}
MADE_BY_US = ("id", "created_at", "updated_at")


@pytest.mark.parametrize(
    "content",
    [
        b'{"title": "Tandem bicycle"}',
        b'{"description": "Two seats, \\u201cone\\u201d direction.\\u0001\\u007f", "title": "\xc3\xa9"}',
    ],
)
async def test_a_new_item_is_answered_like_by_its_route(
    both_answers: Callable[..., Awaitable[tuple[httpx.Response, httpx.Response]]],
    hot_client: httpx.AsyncClient,
    engine_statements: list[str],
    content: bytes,
) -> None:
    hot, ordinary = await both_answers(ITEMS, headers=JSON, method="POST", content=content)

    assert (hot.status_code, ordinary.status_code) == (201, 201)
    assert hot.headers["Location"] == f"{ITEMS}/{hot.json()['id']}"
    assert {**hot.headers, "location": ""} == {**ordinary.headers, "location": ""}
    assert list(hot.json()) == list(ordinary.json())
    assert hot.json() == {**ordinary.json(), **{name: hot.json()[name] for name in MADE_BY_US}}
    assert (await hot_client.get(hot.headers["Location"])).content == hot.content
    assert len(engine_statements) == 1


@pytest.mark.parametrize(
    ("content", "headers"),
    [
        (b"", {}),
        (b"", JSON),
        (b"{", JSON),
        (b"[]", JSON),
        (b"null", JSON),
        (b'{"title": ""}', JSON),
        (b'{"title": 1}', JSON),
        (b'{"title": "\\u0000"}', JSON),
        (b'{"title": "\xff"}', JSON),
        (b'{"title": "a", "unknown": 1}', JSON),
        (b'{"title": "a", "description": NaN}', JSON),
        (b'{"title": "a"}', {}),
        (b'{"title": "a"}', {"Content-Type": "text/plain"}),
        (b'{"title": "a"}', JSON | {"Idempotency-Key": ""}),
        (b'{"title": "' + b"a" * 65_536 + b'"}', JSON),
    ],
    ids=lambda value: str(value)[:40],
)
async def test_a_refused_item_is_answered_like_by_its_route(
    answer_of_both: AnswerOfBoth, hot_client: httpx.AsyncClient, content: bytes, headers: dict[str, str]
) -> None:
    hot = await answer_of_both(ITEMS, headers=headers, method="POST", content=content)

    assert 400 <= hot.status_code < 500
    assert (await hot_client.get(ITEMS)).json()["items"] == []


@pytest.mark.parametrize("header", [{}, {"Idempotency-Key": "the-route-gets-it"}], ids=str)
async def test_a_body_in_pieces_arrives_whole(hot_client: httpx.AsyncClient, header: dict[str, str]) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        yield b'{"title": '
        yield b'"in pieces"}'

    response = await hot_client.post(ITEMS, headers=JSON | header, content=pieces())

    assert (response.status_code, response.json()["title"]) == (201, "in pieces")


async def test_a_body_in_pieces_that_is_too_large_is_refused(hot_client: httpx.AsyncClient) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(10):
            yield b" " * 10_000

    response = await hot_client.post(ITEMS, headers=JSON, content=pieces())

    assert (response.status_code, response.json()["code"]) == (413, "content_too_large")


async def test_a_repeated_item_is_created_once(answer_of_both: AnswerOfBoth, hot_client: httpx.AsyncClient) -> None:
    headers = JSON | {"Idempotency-Key": "the-same"}

    await answer_of_both(ITEMS, headers=headers, method="POST", content=b'{"title": "Tandem bicycle"}')

    assert len((await hot_client.get(ITEMS)).json()["items"]) == 1


async def test_who_was_deleted_gets_no_new_item(
    answer_of_both: AnswerOfBoth, database: EmptyableDatabase, owner_id: UUID
) -> None:
    await database.execute("INSERT INTO deleted_owners (owner_id) VALUES ($1)", owner_id)

    hot = await answer_of_both(ITEMS, headers=JSON, method="POST", content=b'{"title": "Tandem bicycle"}')

    assert hot.status_code == 401


async def test_a_new_item_waits_for_a_deletion_that_is_under_way(
    hot_client: httpx.AsyncClient, other_session: asyncpg.Connection, owner_id: UUID
) -> None:
    async with other_session.transaction():
        await other_session.execute(
            "SELECT pg_advisory_xact_lock(hashtextextended('owner ' || $1::text, 0))", str(owner_id)
        )
        creating = asyncio.create_task(hot_client.post(ITEMS, json={"title": "Tandem bicycle"}))
        await asyncio.sleep(0.1)
        # What begins to wait before this is committed sees it nevertheless.
        await other_session.execute("INSERT INTO deleted_owners (owner_id) VALUES ($1)", owner_id)

    assert (await creating).status_code == 401
