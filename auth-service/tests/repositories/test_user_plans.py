"""What a page of accounts and a change of a superuser cost: not more because there are many accounts."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncSession

from auth_service.core.config import Settings
from auth_service.repositories.users import UserRepository
from service_chassis.database import Database
from service_chassis.testing.databases import EmptyableDatabase

PAGE = 21
ACCOUNTS = 20_000
ADAS = 40
# Every five hundredth is an Ada; one in a thousand is a superuser.
INSERT = f"""
    INSERT INTO users (id, email, full_name, hashed_password, is_superuser)
    SELECT gen_random_uuid(), 'user' || n || '@example.com',
        CASE WHEN n % {ACCOUNTS // ADAS} = 0 THEN 'Ada' ELSE 'Somebody' END, '', n % 1000 = 0
    FROM generate_series(1, {ACCOUNTS}) n
"""
Work = Callable[[UserRepository], Awaitable[object]]
Explain = Callable[[Work], Awaitable[dict[str, Any]]]


@pytest.fixture(scope="module")
def filled(database: EmptyableDatabase) -> Iterator[None]:
    async def fill() -> None:
        # Indexes still have the rows that other tests deleted, and would count them.
        await database.execute("TRUNCATE users CASCADE")
        await database.execute(INSERT)
        await database.execute("VACUUM ANALYZE users")

    asyncio.run(fill())
    yield
    asyncio.run(database.empty())


@pytest.fixture
async def session(database: EmptyableDatabase, filled: None) -> AsyncIterator[AsyncSession]:  # noqa: ARG001  # it fills the table
    service_database = Database(Settings(environment="local", database_url=database.url))
    async with service_database.session() as session:
        yield session
    await service_database.close()


@pytest.fixture
def explain(session: AsyncSession) -> Explain:
    async def run(work: Work) -> dict[str, Any]:
        """Run the very statement that the repository runs, and return how PostgreSQL ran it."""
        sent: list[tuple[str, Any]] = []

        def remember(*arguments: Any) -> None:  # the event passes the statement third, its values fourth
            sent.append((arguments[2], arguments[3]))

        connection = await session.connection()
        event.listen(connection.sync_connection, "before_cursor_execute", remember)
        await work(UserRepository(session))
        event.remove(connection.sync_connection, "before_cursor_execute", remember)
        [(statement, values)] = sent
        explained = await connection.exec_driver_sql(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {statement}", values)
        answer = explained.scalar_one()
        plan: dict[str, Any] = (json.loads(answer) if isinstance(answer, str) else answer)[0]["Plan"]
        return plan

    return run


def scans(plan: dict[str, Any]) -> dict[str, float]:
    """Return how many rows the plan takes from each index, or from a table without one."""
    if "Plans" in plan:
        return {source: rows for child in plan["Plans"] for source, rows in scans(child).items()}
    source = plan.get("Index Name", plan.get("Relation Name"))
    return {source: plan["Actual Rows"]} if source is not None else {}


def buffers(plan: dict[str, Any]) -> int:
    return int(plan["Shared Hit Blocks"] + plan["Shared Read Blocks"])


async def test_every_page_reads_its_own_rows_from_the_index_of_ids(explain: Explain) -> None:
    first = await explain(lambda users: users.list_before(None, words=None, limit=PAGE))
    last = await explain(lambda users: users.list_before(UUID(int=2**118), words=None, limit=PAGE))

    assert set(scans(first)) == set(scans(last)) == {"users_pkey"}
    assert max(buffers(first), buffers(last)) < 6 * PAGE


async def test_a_search_reads_what_matches_from_its_index(explain: Explain) -> None:
    plan = await explain(lambda users: users.list_before(None, words="ada", limit=PAGE))

    assert scans(plan)["users_search_index"] == ADAS
    assert buffers(plan) < 200


async def test_a_search_that_finds_nobody_walks_past_nobody(explain: Explain) -> None:
    plan = await explain(lambda users: users.list_before(None, words="nobody", limit=PAGE))

    assert scans(plan)["users_search_index"] == 0
    assert buffers(plan) < 50


async def test_locking_the_superusers_reads_no_other_accounts(explain: Explain) -> None:
    plan = await explain(lambda users: users.lock_superusers())

    assert scans(plan) == {"users_superusers_index": ACCOUNTS // 1000}
