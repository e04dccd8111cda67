"""The limit of a refresh: a bare callable that runs the statements of ours and signs the same token.

The statements stand in one transaction, as ours do, over pinned connections that have them prepared.
"""

import time
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import asyncpg
import orjson
from starlette.types import ASGIApp, Receive, Scope

from auth_service.core.security import (
    SigningKeyPair,
    create_access_token,
    hash_refresh_token,
    new_refresh_token,
    seal_successor,
)
from loadtests.bench.stacks.connections import PinnedConnections, Statements
from loadtests.bench.stacks.serving import Surroundings, answering, serve
from service_chassis.testing.issuer import AUDIENCE, ISSUER, USER_SCOPE

LIFETIME_SECONDS = 900
IDLE_DAYS = 14
CLAIM = """
UPDATE refresh_tokens SET used_at = clock_timestamp(), sealed_successor = $2
WHERE token_hash = $1 AND used_at IS NULL AND expires_at > now()
RETURNING id, session_id, token_hash, expires_at, used_at, sealed_successor
"""
USE = """
UPDATE sessions SET last_used_at = now(), address = $2, user_agent = $3 FROM users
WHERE sessions.id = $1 AND sessions.ended_at IS NULL AND sessions.expires_at > now() AND sessions.user_id = users.id
RETURNING users.id, users.is_active, users.is_superuser, users.rights_version
"""
STORE = "INSERT INTO refresh_tokens (id, session_id, token_hash, expires_at) VALUES ($1, $2, $3, $4)"


def new_app(surroundings: Surroundings) -> ASGIApp:
    """Return a callable that exchanges any refresh token that it is sent."""
    connections = PinnedConnections(surroundings.database_url, CLAIM, USE, STORE)
    signing_key = SigningKeyPair.generate("ES256")

    async def answer(_scope: Scope, receive: Receive) -> tuple[int, bytes]:
        token = orjson.loads((await receive())["body"])["refresh_token"]
        successor = new_refresh_token()
        async with connections.transaction() as statements:
            exchanged = await _exchange(statements, token, successor=successor)
        if exchanged is None:
            return 401, b"{}"
        access_token = create_access_token(_claims(*exchanged), key=signing_key)
        body = {"access_token": access_token, "token_type": "bearer", "expires_in": LIFETIME_SECONDS}
        return 200, orjson.dumps(body | {"scope": USER_SCOPE, "refresh_token": successor})

    return answering(answer, meanwhile=connections)


async def _exchange(
    statements: Statements, token: str, *, successor: str
) -> tuple[asyncpg.Record, asyncpg.Record] | None:
    sealed_successor = seal_successor(successor, used_token=token)
    claimed = await statements[CLAIM].fetchrow(hash_refresh_token(token), sealed_successor)
    if claimed is None:
        return None
    user = await statements[USE].fetchrow(claimed["session_id"], "127.0.0.1", "")
    expires_at = datetime.now(UTC) + timedelta(days=IDLE_DAYS)
    await statements[STORE].fetchrow(uuid4(), claimed["session_id"], hash_refresh_token(successor), expires_at)
    return user, claimed


def _claims(user: asyncpg.Record, claimed: asyncpg.Record) -> dict[str, Any]:
    now = int(time.time())
    return {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": str(user["id"]),
        "client_id": "tandem",
        "iat": now,
        "exp": now + LIFETIME_SECONDS,
        "jti": str(uuid4()),
        "sid": str(claimed["session_id"]),
        "ver": user["rights_version"],
        "scope": USER_SCOPE,
    }


if __name__ == "__main__":
    serve(new_app)
