"""Hot endpoints answer as their routes do, byte by byte, and never more."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from uuid import UUID, uuid4

import asyncpg
import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import event

from service_chassis.testing.databases import EmptyableDatabase
from service_chassis.testing.issuer import TokenIssuer

ITEMS = "/api/v1/items"
NOBODY = "0198c0de-0000-7000-8000-000000000000"
# A hot endpoint leaves these to the route.
TOO_ODD = ("?limit=1&limit=2",)
# Ids differ from request to request, in the body of a failure too.
REQUEST_ID = {"X-Request-ID": "the-same-for-both"}
JSON = {"Content-Type": "application/json"}
MADE_BY_US = ("id", "created_at", "updated_at")


@pytest.fixture
async def hot_client(client: httpx.AsyncClient) -> httpx.AsyncClient:
    """Give a client whose token was verified before, so that only what it asks decides how it is answered."""
    await client.get(ITEMS)
    return client


@pytest.fixture
async def location(client: httpx.AsyncClient) -> str:
    response = await client.post(ITEMS, json={"title": "Tandem bicycle", "description": "Two seats, “one” direction."})
    location: str = response.headers["Location"]
    return location


@pytest.fixture
async def other_session(database: EmptyableDatabase) -> AsyncIterator[asyncpg.Connection]:
    """Connect to the database past the service."""
    connection = await asyncpg.connect(database.url.get_secret_value())
    yield connection
    await connection.close()


@pytest.fixture
def engine_statements(app: FastAPI) -> Iterator[list[str]]:
    """Collect what goes through SQLAlchemy, which no hot endpoint does."""
    statements: list[str] = []
    engine = app.state.resources.database.engine.sync_engine

    def collect(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        if "FROM items" in statement or "INTO items" in statement:
            statements.append(statement)

    event.listen(engine, "before_cursor_execute", collect)
    yield statements
    event.remove(engine, "before_cursor_execute", collect)


async def both_answers(
    client: httpx.AsyncClient,
    path: str,
    *,
    headers: dict[str, str] | None = None,
    method: str = "GET",
    content: bytes | None = None,
) -> tuple[httpx.Response, httpx.Response]:
    """Ask the hot endpoint and the route; the route alone takes the scheme in lower case."""
    token = client.headers["Authorization"].removeprefix("Bearer ")
    given = {**REQUEST_ID, **(headers or {})}
    hot = await client.request(method, path, headers=given, content=content)
    given["Authorization"] = f"bearer {token}"
    ordinary = await client.request(method, path, headers=given, content=content)
    return hot, ordinary


def assert_alike(hot: httpx.Response, ordinary: httpx.Response) -> None:
    assert hot.status_code == ordinary.status_code
    assert dict(hot.headers) == dict(ordinary.headers)
    if hot.is_success:
        assert hot.content == ordinary.content
    elif hot.content:
        assert hot.json() | {"trace_id": ""} == ordinary.json() | {"trace_id": ""}


@pytest.mark.parametrize(
    "if_none_match", [None, '"1"', 'W/"1"', '"2"', "*", '"2", "1"', "nonsense", ""], ids=lambda value: f"{value}"
)
async def test_an_item_is_answered_like_by_its_endpoint(
    hot_client: httpx.AsyncClient, location: str, engine_statements: list[str], if_none_match: str | None
) -> None:
    headers = {} if if_none_match is None else {"If-None-Match": if_none_match}

    hot, ordinary = await both_answers(hot_client, location, headers=headers)

    assert_alike(hot, ordinary)
    assert len(engine_statements) == 1


@pytest.mark.parametrize(
    "query",
    [
        "",
        "?",
        "?limit=2",
        "?limit=2&sort=title",
        "?sort=-updated_at",
        "?q=number%20tw",
        "?q=nothing&limit=1",
        "?owner_id={owner_id}",
        "?limit=%32",
        "?limit=1&limit=2",
    ],
)
async def test_a_page_is_answered_like_by_its_endpoint(
    hot_client: httpx.AsyncClient, owner_id: UUID, engine_statements: list[str], query: str
) -> None:
    for number in ("one", "two", "three"):
        await hot_client.post(ITEMS, json={"title": f"number {number}"})

    hot, ordinary = await both_answers(hot_client, ITEMS + query.format(owner_id=owner_id))

    assert hot.status_code == 200
    assert_alike(hot, ordinary)
    assert len(engine_statements) == (2 if query in TOO_ODD else 1)


@pytest.mark.parametrize("sort", ["created_at", "-created_at", "updated_at", "-updated_at", "title", "-title"])
async def test_the_next_page_is_answered_like_by_its_endpoint(
    hot_client: httpx.AsyncClient, engine_statements: list[str], sort: str
) -> None:
    for number in ("one", "two", "three"):
        await hot_client.post(ITEMS, json={"title": f"number {number}"})
    first = await hot_client.get(ITEMS, params={"sort": sort, "limit": "2"})
    engine_statements.clear()

    hot, ordinary = await both_answers(hot_client, first.links["next"]["url"])

    assert len(hot.json()["items"]) == 1
    assert_alike(hot, ordinary)
    assert len(engine_statements) == 1


@pytest.mark.parametrize(
    "path",
    [
        f"{ITEMS}?limit=0",
        f"{ITEMS}?limit=",
        f"{ITEMS}?limit",
        f"{ITEMS}?unknown=1",
        f"{ITEMS}?cursor=nonsense",
        f"{ITEMS}?q=%FF",
        f"{ITEMS}?q=%00",
        f"{ITEMS}?sort=owner_id",
        f"{ITEMS}?owner_id={NOBODY}",
        f"{ITEMS}/{NOBODY}",
        f"{ITEMS}/{NOBODY.upper()}",
        f"{ITEMS}/nonsense",
        f"{ITEMS}/",
    ],
)
async def test_a_failure_is_answered_like_by_the_endpoint(hot_client: httpx.AsyncClient, path: str) -> None:
    hot, ordinary = await both_answers(hot_client, path)

    assert hot.status_code >= 400
    assert_alike(hot, ordinary)


async def test_somebody_elses_item_does_not_exist(
    hot_client: httpx.AsyncClient, location: str, issuer: TokenIssuer
) -> None:
    hot_client.headers.update(issuer.authorization(uuid4()))
    await hot_client.get(ITEMS)

    hot, ordinary = await both_answers(hot_client, location)

    assert hot.status_code == 404
    assert_alike(hot, ordinary)


async def test_a_superuser_reads_everybodys_items(
    hot_client: httpx.AsyncClient, location: str, owner_id: UUID, issuer: TokenIssuer
) -> None:
    hot_client.headers.update(issuer.authorization(uuid4(), scope="items:read admin"))
    await hot_client.get(ITEMS)

    answers = [await both_answers(hot_client, path) for path in (location, f"{ITEMS}?owner_id={owner_id}")]

    for hot, ordinary in answers:
        assert hot.status_code == 200
        assert_alike(hot, ordinary)


async def test_a_token_without_the_scope_is_refused(hot_client: httpx.AsyncClient, issuer: TokenIssuer) -> None:
    hot_client.headers.update(issuer.authorization(uuid4(), scope="items:write"))
    await hot_client.get(ITEMS)

    hot, ordinary = await both_answers(hot_client, ITEMS)

    assert hot.status_code == 403
    assert_alike(hot, ordinary)


async def test_a_token_whose_session_has_ended_is_refused(
    hot_client: httpx.AsyncClient, database: EmptyableDatabase, issuer: TokenIssuer
) -> None:
    session_id = uuid4()
    hot_client.headers["Authorization"] = f"Bearer {issuer.token(sid=str(session_id))}"
    assert (await hot_client.get(ITEMS)).status_code == 200
    await database.execute(
        "INSERT INTO denials (kind, subject, minimum_rights_version, denied_until)"
        " VALUES ('session', $1, 0, now() + interval '1 hour')",
        session_id,
    )
    async with asyncio.timeout(5):
        while (await hot_client.get(ITEMS)).status_code == 200:  # noqa: ASYNC110  # a denial is not announced
            await asyncio.sleep(0.05)

    hot, ordinary = await both_answers(hot_client, ITEMS)

    assert hot.status_code == 401
    assert_alike(hot, ordinary)


async def test_a_change_is_seen_at_once(hot_client: httpx.AsyncClient, location: str) -> None:
    titles = []
    for number in range(3):
        await hot_client.patch(location, json={"title": f"title {number}"})
        titles.append((await hot_client.get(location)).json()["title"])

    assert titles == ["title 0", "title 1", "title 2"]


@pytest.mark.parametrize(
    "content",
    [
        b'{"title": "Tandem bicycle"}',
        b'{"description": "Two seats, \\u201cone\\u201d direction.\\u0001\\u007f", "title": "\xc3\xa9"}',
    ],
)
async def test_a_new_item_is_answered_like_by_its_route(
    hot_client: httpx.AsyncClient, engine_statements: list[str], content: bytes
) -> None:
    hot, ordinary = await both_answers(hot_client, ITEMS, headers=JSON, method="POST", content=content)

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
    hot_client: httpx.AsyncClient, content: bytes, headers: dict[str, str]
) -> None:
    hot, ordinary = await both_answers(hot_client, ITEMS, headers=headers, method="POST", content=content)

    assert 400 <= hot.status_code < 500
    assert_alike(hot, ordinary)
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


async def test_a_repeated_item_is_created_once(hot_client: httpx.AsyncClient) -> None:
    headers = JSON | {"Idempotency-Key": "the-same"}

    hot, ordinary = await both_answers(
        hot_client, ITEMS, headers=headers, method="POST", content=b'{"title": "Tandem bicycle"}'
    )

    assert hot.content == ordinary.content
    assert len((await hot_client.get(ITEMS)).json()["items"]) == 1


async def test_who_was_deleted_gets_no_new_item(
    hot_client: httpx.AsyncClient, database: EmptyableDatabase, owner_id: UUID
) -> None:
    await database.execute("INSERT INTO deleted_owners (owner_id) VALUES ($1)", owner_id)

    hot, ordinary = await both_answers(
        hot_client, ITEMS, headers=JSON, method="POST", content=b'{"title": "Tandem bicycle"}'
    )

    assert hot.status_code == 401
    assert_alike(hot, ordinary)


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
