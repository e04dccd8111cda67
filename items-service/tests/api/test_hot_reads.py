"""Hot reads answer as their endpoints do, byte by byte, and never more."""

import asyncio
from collections.abc import Iterator
from uuid import UUID, uuid4

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import event

from service_chassis.testing.databases import EmptyableDatabase
from service_chassis.testing.issuer import TokenIssuer

ITEMS = "/api/v1/items"
NOBODY = "0198c0de-0000-7000-8000-000000000000"
# A hot read leaves these to the endpoint.
TOO_ODD = ("?limit=1&limit=2",)
# Ids differ from request to request, in the body of a failure too.
REQUEST_ID = {"X-Request-ID": "the-same-for-both"}


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
def engine_statements(app: FastAPI) -> Iterator[list[str]]:
    """Collect what goes through SQLAlchemy, which no hot read does."""
    statements: list[str] = []
    engine = app.state.resources.database.engine.sync_engine

    def collect(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        if "FROM items" in statement:
            statements.append(statement)

    event.listen(engine, "before_cursor_execute", collect)
    yield statements
    event.remove(engine, "before_cursor_execute", collect)


async def both_answers(
    client: httpx.AsyncClient, path: str, *, headers: dict[str, str] | None = None
) -> tuple[httpx.Response, httpx.Response]:
    """Ask the hot read and the endpoint; the endpoint alone takes the scheme in lower case."""
    token = client.headers["Authorization"].removeprefix("Bearer ")
    hot = await client.get(path, headers={**REQUEST_ID, **(headers or {})})
    ordinary = await client.get(path, headers={**REQUEST_ID, **(headers or {}), "Authorization": f"bearer {token}"})
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
