"""What the databases of the compared servers hold."""

import asyncio
import secrets
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import accumulate
from uuid import UUID, uuid4

import asyncpg

from auth_service.core.security import get_password_hash
from loadtests.bench.settings import service_settings

ITEMS = 100_000
ITEMS_PER_OWNER = 1_000
ACCOUNTS = 200
PASSWORD = "correct horse battery staple"
FILL_ITEMS = """
INSERT INTO items (id, owner_id, title, description, created_at, updated_at)
SELECT uuidv7(), ($1::uuid[])[1 + number % cardinality($1::uuid[])], 'Item number ' || number,
    repeat('words about it ', 8), made, made
FROM (
    SELECT number, now() - make_interval(secs => $2 - number) AS made FROM generate_series(1, $2) AS number
)
"""
# The owners that matter come first, with their items; everybody else has two hundred.
FILL_PAGES = """
INSERT INTO items (id, owner_id, title, created_at, updated_at)
SELECT uuidv7(), coalesce(owner_id, md5((number / 200)::text)::uuid), 'Item ' || number % 977, made, made
FROM (
    SELECT number, now() - number % 1009 * interval '1 minute' AS made FROM generate_series(1, $3::integer) AS number
)
LEFT JOIN LATERAL (
    SELECT owner_id FROM unnest($1::uuid[], $2::integer[]) AS mine (owner_id, until) WHERE number <= until
    ORDER BY until LIMIT 1
) ON true
"""
FILL_ACCOUNTS = """
INSERT INTO users (id, email, email_verified, hashed_password)
SELECT uuidv7(), 'user' || number || '@example.com', true, $1 FROM generate_series(1, $2) AS number
"""
# A session for each token, as so many people have that are logged in.
FILL_SESSIONS = """
WITH numbers AS (
    SELECT number, uuidv7() AS session_id FROM generate_series(1, $1) AS number
), accounts AS (
    SELECT array_agg(id) AS ids FROM users
), begun AS (
    INSERT INTO sessions (id, user_id, expires_at)
    SELECT session_id, ids[1 + number % cardinality(ids)], now() + interval '90 days' FROM numbers, accounts
)
INSERT INTO refresh_tokens (id, session_id, token_hash, expires_at)
SELECT uuidv7(), session_id, sha256(convert_to($2 || '-refresh-token-' || number, 'UTF8')),
    now() + interval '14 days'
FROM numbers
"""


@dataclass(frozen=True, kw_only=True)
class ItemsDatabase:
    """The database of items-service, and what a client of it knows."""

    url: str
    owner_id: UUID
    item_ids: list[str]


@dataclass(frozen=True, kw_only=True)
class AuthDatabase:
    """The database of auth-service, and what its clients know."""

    url: str
    emails: list[str]

    def new_refresh_tokens(self, count: int) -> list[str]:
        """Make so many sessions, and return the refresh token of each."""
        batch = secrets.token_hex(8)
        asyncio.run(_execute(self.url, FILL_SESSIONS, count, batch))
        return [f"{batch}-refresh-token-{number}" for number in range(1, count + 1)]


def fill_items(url: str) -> ItemsDatabase:
    """Migrate a database as items-service does, and fill it."""
    _migrate("items_service", url)
    owners = [uuid4() for _ in range(ITEMS // ITEMS_PER_OWNER)]
    asyncio.run(_execute(url, FILL_ITEMS, owners, ITEMS))
    asyncio.run(_execute(url, "VACUUM ANALYZE items"))
    rows = asyncio.run(_fetch(url, "SELECT id FROM items WHERE owner_id = $1", owners[0]))
    return ItemsDatabase(url=url, owner_id=owners[0], item_ids=[str(row["id"]) for row in rows])


def fill_pages(url: str, owners: Mapping[UUID, int], *, items: int) -> str:
    """Migrate a database as items-service does, and fill it with so many items, these owners' included."""
    _migrate("items_service", url)
    asyncio.run(_fill_pages(url, owner_ids=list(owners), until=list(accumulate(owners.values())), items=items))
    return url


def fill_accounts(url: str) -> AuthDatabase:
    """Migrate a database as auth-service does, and make accounts with one password."""
    _migrate("auth_service", url)
    asyncio.run(_execute(url, FILL_ACCOUNTS, get_password_hash(PASSWORD), ACCOUNTS))
    return AuthDatabase(url=url, emails=[f"user{number}@example.com" for number in range(1, ACCOUNTS + 1)])


def _migrate(module: str, url: str) -> None:
    command = [sys.executable, "-m", module, "migrate"]
    subprocess.run(command, check=True, env=service_settings(url), stdout=subprocess.DEVNULL)


async def _execute(url: str, statement: str, *values: object) -> None:
    connection = await asyncpg.connect(url)
    await connection.execute(statement, *values)
    await connection.close()


async def _fetch(url: str, statement: str, *values: object) -> list[asyncpg.Record]:
    connection = await asyncpg.connect(url)
    rows: list[asyncpg.Record] = await connection.fetch(statement, *values)
    await connection.close()
    return rows


async def _fill_pages(url: str, *, owner_ids: list[UUID], until: list[int], items: int) -> None:
    """Insert before the indexes are made, which takes a fraction of the time."""
    connection = await asyncpg.connect(url)
    indexes = await connection.fetch(
        "SELECT indexname, indexdef FROM pg_indexes WHERE tablename = 'items' AND indexname <> 'items_pkey'"
    )
    for index in indexes:
        await connection.execute(f"DROP INDEX {index['indexname']}")
    await connection.execute(FILL_PAGES, owner_ids, until, items)
    await connection.execute("SET maintenance_work_mem = '512MB'")
    for index in indexes:
        await connection.execute(index["indexdef"])
    await connection.execute("VACUUM ANALYZE items")
    await connection.close()
