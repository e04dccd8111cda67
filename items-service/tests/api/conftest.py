"""Fixtures for comparing hot endpoints with their routes."""

from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import event

# Ids differ from request to request, in the body of a failure too.
REQUEST_ID = {"X-Request-ID": "the-same-for-both"}


@pytest.fixture
async def hot_client(client: httpx.AsyncClient) -> httpx.AsyncClient:
    """Give a client whose token was verified before, so that only what it asks decides how it is answered."""
    await client.get("/api/v1/items")
    return client


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


@pytest.fixture
def both_answers(hot_client: httpx.AsyncClient) -> Callable[..., Awaitable[tuple[httpx.Response, httpx.Response]]]:
    """Ask the hot endpoint and the route; the route alone takes the scheme in lower case."""

    async def ask(
        path: str, *, headers: dict[str, str] | None = None, method: str = "GET", content: bytes | None = None
    ) -> tuple[httpx.Response, httpx.Response]:
        given = {**REQUEST_ID, **(headers or {})}
        hot = await hot_client.request(method, path, headers=given, content=content)
        given["Authorization"] = hot_client.headers["Authorization"].replace("Bearer", "bearer")
        return hot, await hot_client.request(method, path, headers=given, content=content)

    return ask


@pytest.fixture
def answer_of_both(
    both_answers: Callable[..., Awaitable[tuple[httpx.Response, httpx.Response]]],
) -> Callable[..., Awaitable[httpx.Response]]:
    """Ask the hot endpoint and the route, and return what both have to say alike."""

    async def ask(path: str, **asked: Any) -> httpx.Response:  # what `both_answers` takes
        hot, ordinary = await both_answers(path, **asked)
        assert (hot.status_code, dict(hot.headers)) == (ordinary.status_code, dict(ordinary.headers))
        if hot.is_success:
            assert hot.content == ordinary.content
        elif hot.content:
            assert hot.json() | {"trace_id": ""} == ordinary.json() | {"trace_id": ""}
        return hot

    return ask
