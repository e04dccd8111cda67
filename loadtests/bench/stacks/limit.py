"""The limit: a bare callable over asyncpg: pinned connections, statements prepared once, verified tokens remembered.

Nothing stands between a request and its statement: no router, no validation, no ids, logs, metrics or bounds.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import orjson
from starlette.types import ASGIApp, Receive, Scope, Send

from loadtests.bench.stacks.serving import Surroundings, serve

PINNED_CONNECTIONS = 8
GET = """
SELECT id, owner_id, title, description, version, created_at, updated_at FROM items WHERE id = $1 AND owner_id = $2
"""
LIST = """
SELECT coalesce(json_agg(page), '[]')::text FROM (
    SELECT id, owner_id, title, description, version, created_at, updated_at FROM items
    WHERE owner_id = $1 ORDER BY created_at DESC, id DESC LIMIT 20
) AS page
"""
CREATE = """
INSERT INTO items (id, owner_id, title, description) VALUES ($1, $2, $3, $4)
RETURNING id, owner_id, title, description, version, created_at, updated_at
"""

Statements = dict[str, asyncpg.prepared_stmt.PreparedStatement]


class PinnedConnections:
    """Connections that stay open, each with its statements prepared; whoever needs one takes the one used last."""

    def __init__(self, database_url: str) -> None:
        self._database_url = database_url
        self._free: asyncio.LifoQueue[Statements] = asyncio.LifoQueue()

    async def open(self) -> None:
        """Connect and prepare."""
        for _ in range(PINNED_CONNECTIONS):
            connection = await asyncpg.connect(self._database_url)
            self._free.put_nowait({text: await connection.prepare(text) for text in (GET, LIST, CREATE)})

    async def fetch_row(self, text: str, *values: Any) -> asyncpg.Record | None:  # any column's type
        """Run a statement; it commits by itself."""
        statements = await self._free.get()
        try:
            return await statements[text].fetchrow(*values)
        finally:
            self._free.put_nowait(statements)


def new_app(surroundings: Surroundings) -> ASGIApp:
    """Return a callable that knows three requests: one item, a list of twenty, a new item."""
    connections = PinnedConnections(surroundings.database_url)
    remembered: dict[bytes, UUID] = {}

    def owner_of(scope: Scope) -> UUID:
        authorization = dict(scope["headers"]).get(b"authorization", b"")
        if authorization not in remembered:
            remembered[authorization] = surroundings.verify(authorization[7:].decode())
        return remembered[authorization]

    async def answer(scope: Scope, receive: Receive) -> tuple[int, bytes]:
        owner_id = owner_of(scope)
        if scope["method"] == "POST":
            item = orjson.loads((await receive())["body"])
            row = await connections.fetch_row(CREATE, uuid4(), owner_id, item["title"], item.get("description", ""))
            return 201, _json(row)
        if scope["path"] == "/api/v1/items":
            rows = await connections.fetch_row(LIST, owner_id)
            return 200, b'{"items":' + (rows[0].encode() if rows else b"[]") + b"}"
        row = await connections.fetch_row(GET, UUID(scope["path"].rpartition("/")[2]), owner_id)
        return (404, b"{}") if row is None else (200, _json(row))

    return _application(answer, open_connections=connections.open)


def _json(row: asyncpg.Record | None) -> bytes:
    return orjson.dumps(dict(row or {}), default=str)


def _application(
    answer: Callable[[Scope, Receive], Awaitable[tuple[int, bytes]]], *, open_connections: Callable[[], Awaitable[None]]
) -> ASGIApp:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await receive()
            await open_connections()
            await send({"type": "lifespan.startup.complete"})
            await receive()
            await send({"type": "lifespan.shutdown.complete"})
            return
        status, body = (404, b"") if scope["path"].startswith("/health") else await answer(scope, receive)
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    return app


if __name__ == "__main__":
    serve(new_app)
