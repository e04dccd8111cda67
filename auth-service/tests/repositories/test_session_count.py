"""What counting the live sessions costs: not more because there are many that ended."""

import json
from typing import Any

import asyncpg
from sqlalchemy import event

from auth_service.core.config import Settings
from auth_service.repositories.sessions import SessionRepository
from service_chassis.database import Database
from service_chassis.testing.databases import EmptyableDatabase

FILL = """
    TRUNCATE users CASCADE;
    INSERT INTO users (id, email, hashed_password) VALUES (gen_random_uuid(), 'ada@example.com', '');
    INSERT INTO sessions (id, user_id, expires_at, ended_at)
    SELECT gen_random_uuid(), users.id, now() + interval '1 day', CASE WHEN n % 4 > 0 THEN now() END
    FROM users, generate_series(1, 4000) n
"""


async def test_live_sessions_are_counted_from_their_index_up_to_a_limit(
    database: EmptyableDatabase, stored: asyncpg.Connection
) -> None:
    await stored.execute(FILL)
    await stored.execute("VACUUM ANALYZE sessions")
    service_database = Database(Settings(environment="local", database_url=database.url))
    sent: list[tuple[str, Any]] = []

    async with service_database.session() as session:
        connection = await session.connection()
        remember = lambda *arguments: sent.append((arguments[2], arguments[3]))  # noqa: E731  # SQLAlchemy's event
        event.listen(connection.sync_connection, "before_cursor_execute", remember, once=True)
        counts = [await SessionRepository(session).count_live(limit=limit) for limit in (100, 100_000)]
        statement, values = sent[0]
        explained = await connection.exec_driver_sql(f"EXPLAIN (ANALYZE, FORMAT JSON) {statement}", values)
        plan = json.dumps(explained.scalar_one())
    await service_database.close()
    await database.empty()

    assert counts == [100, 1000]
    assert ("Index Only Scan" in plan, "sessions_live_index" in plan) == (True, True)
