"""The limit: a bare callable over asyncpg: pinned connections, statements prepared once, verified tokens remembered.

Nothing stands between a request and its statement: no router, no validation, no ids, logs, metrics or bounds.
"""

from uuid import UUID, uuid4

import asyncpg
import orjson
from starlette.types import ASGIApp, Receive, Scope

from loadtests.bench.stacks.connections import PinnedConnections
from loadtests.bench.stacks.serving import Surroundings, answering, serve

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


def new_app(surroundings: Surroundings) -> ASGIApp:
    """Return a callable that knows three requests: one item, a list of twenty, a new item."""
    connections = PinnedConnections(surroundings.database_url, GET, LIST, CREATE)
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

    return answering(answer, meanwhile=connections)


def _json(row: asyncpg.Record | None) -> bytes:
    return orjson.dumps(dict(row or {}), default=str)


if __name__ == "__main__":
    serve(new_app)
