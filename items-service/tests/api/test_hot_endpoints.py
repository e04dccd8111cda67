"""Hot endpoints answer as their routes do, byte by byte, and never more."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime
from uuid import UUID, uuid4

import httpx
import pytest

from service_chassis.testing.databases import EmptyableDatabase
from service_chassis.testing.issuer import TokenIssuer

AnswerOfBoth = Callable[..., Awaitable[httpx.Response]]

ITEMS = "/api/v1/items"
NOBODY = "0198c0de-0000-7000-8000-000000000000"
# A hot endpoint leaves these to the route.
TOO_ODD = ("?limit=1&limit=2",)


@pytest.fixture
async def location(client: httpx.AsyncClient) -> str:
    response = await client.post(ITEMS, json={"title": "Tandem bicycle", "description": "Two seats, “one” direction."})
    location: str = response.headers["Location"]
    return location


@pytest.mark.parametrize(
    "if_none_match", [None, '"1"', 'W/"1"', '"2"', "*", '"2", "1"', "nonsense", ""], ids=lambda value: f"{value}"
)
async def test_an_item_is_answered_like_by_its_endpoint(
    answer_of_both: AnswerOfBoth, location: str, engine_statements: list[str], if_none_match: str | None
) -> None:
    headers = {} if if_none_match is None else {"If-None-Match": if_none_match}

    await answer_of_both(location, headers=headers)

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
    answer_of_both: AnswerOfBoth,
    hot_client: httpx.AsyncClient,
    owner_id: UUID,
    engine_statements: list[str],
    query: str,
) -> None:
    for number in ("one", "two", "three"):
        await hot_client.post(ITEMS, json={"title": f"number {number}"})

    hot = await answer_of_both(ITEMS + query.format(owner_id=owner_id))

    assert hot.status_code == 200
    assert len(engine_statements) == (2 if query in TOO_ODD else 1)


@pytest.mark.parametrize("sort", ["created_at", "-created_at", "updated_at", "-updated_at", "title", "-title"])
async def test_the_next_page_is_answered_like_by_its_endpoint(
    answer_of_both: AnswerOfBoth, hot_client: httpx.AsyncClient, engine_statements: list[str], sort: str
) -> None:
    for number in ("one", "two", "three"):
        await hot_client.post(ITEMS, json={"title": f"number {number}"})
    first = await hot_client.get(ITEMS, params={"sort": sort, "limit": "2"})
    engine_statements.clear()

    hot = await answer_of_both(first.links["next"]["url"])

    assert len(hot.json()["items"]) == 1
    assert len(engine_statements) == 1


@pytest.mark.parametrize("sort", ["-created_at", "title"])
async def test_awkward_texts_and_times_are_answered_like_by_the_endpoint(
    answer_of_both: AnswerOfBoth, database: EmptyableDatabase, owner_id: UUID, sort: str
) -> None:
    awkward = '"\\/\b\f\n\r\t\x01\x1f\x7f\x85\u2028\u2029\ufeff\U0001f6b2 {0} %s é</script>'
    for number, time in enumerate(("2026-11-25T12:00:00Z", "2026-11-25T12:00:00.12Z", "2026-11-25T12:00:00.000001Z")):
        await database.execute(
            "INSERT INTO items (id, owner_id, title, description, created_at, updated_at)"
            " VALUES ($1, $2, $3, $4, $5, $5)",
            *(uuid4(), owner_id, f"{awkward}{number}", awkward * number, datetime.fromisoformat(time)),
        )

    answers = [await answer_of_both(f"{ITEMS}?limit=1&sort={sort}")]
    while "next" in answers[-1].links:
        answers.append(await answer_of_both(answers[-1].links["next"]["url"]))
    items = [item for answer in answers for item in answer.json()["items"]]
    single = [(await answer_of_both(f"{ITEMS}/{item['id']}")).json() for item in items]

    assert sorted(item["title"] for item in single) == [f"{awkward}{number}" for number in range(3)]
    assert single == items


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
async def test_a_failure_is_answered_like_by_the_endpoint(answer_of_both: AnswerOfBoth, path: str) -> None:
    hot = await answer_of_both(path)

    assert hot.status_code >= 400


async def test_somebody_elses_item_does_not_exist(
    answer_of_both: AnswerOfBoth, hot_client: httpx.AsyncClient, location: str, issuer: TokenIssuer
) -> None:
    hot_client.headers.update(issuer.authorization(uuid4()))
    await hot_client.get(ITEMS)

    hot = await answer_of_both(location)

    assert hot.status_code == 404


async def test_a_superuser_reads_everybodys_items(
    answer_of_both: AnswerOfBoth, hot_client: httpx.AsyncClient, location: str, owner_id: UUID, issuer: TokenIssuer
) -> None:
    hot_client.headers.update(issuer.authorization(uuid4(), scope="items:read admin"))
    await hot_client.get(ITEMS)

    answers = [await answer_of_both(path) for path in (location, f"{ITEMS}?owner_id={owner_id}")]

    assert [answer.status_code for answer in answers] == [200, 200]


async def test_a_token_without_the_scope_is_refused(
    answer_of_both: AnswerOfBoth, hot_client: httpx.AsyncClient, issuer: TokenIssuer
) -> None:
    hot_client.headers.update(issuer.authorization(uuid4(), scope="items:write"))
    await hot_client.get(ITEMS)

    hot = await answer_of_both(ITEMS)

    assert hot.status_code == 403


async def test_a_token_whose_session_has_ended_is_refused(
    answer_of_both: AnswerOfBoth, hot_client: httpx.AsyncClient, database: EmptyableDatabase, issuer: TokenIssuer
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

    hot = await answer_of_both(ITEMS)

    assert hot.status_code == 401


async def test_a_change_is_seen_at_once(hot_client: httpx.AsyncClient, location: str) -> None:
    titles = []
    for number in range(3):
        await hot_client.patch(location, json={"title": f"title {number}"})
        titles.append((await hot_client.get(location)).json()["title"])

    assert titles == ["title 0", "title 1", "title 2"]
