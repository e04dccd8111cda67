"""The audit trail: rows that stay, and log lines with stable names."""

import contextlib
from collections.abc import Awaitable, Callable
from typing import Any

import asyncpg
import httpx
import pytest
from fastapi import FastAPI

from auth_service.models import AuditEventType
from auth_service.repositories.audit_events import AuditEventRepository
from auth_service.schemas.devices import COMMAND_LINE
from auth_service.schemas.users import UserWithToken
from auth_service.services.audit import AuditTrail

NewUser = Callable[..., Awaitable[UserWithToken]]
Logged = Callable[[], list[dict[str, Any]]]


def audit_lines(logged: Logged) -> list[dict[str, Any]]:
    return [line for line in logged() if line["logger"] == "audit"]


async def log_in(client: httpx.AsyncClient, password: str, **headers: str) -> httpx.Response:
    form = {"username": "ada@example.com", "password": password}
    return await client.post("/api/v1/auth/login", data=form, headers=headers)


async def test_a_login_is_recorded_with_where_it_came_from(
    client: httpx.AsyncClient, new_user: NewUser, stored: asyncpg.Connection
) -> None:
    user = await new_user("ada@example.com")

    await log_in(client, "correct horse battery staple", **{"User-Agent": "Analytical Engine"})

    row = await stored.fetchrow("SELECT * FROM audit_events WHERE type = 'login.succeeded'")
    assert (row["user_id"], row["address"], row["user_agent"]) == (user.id, "127.0.0.1", "Analytical Engine")


async def test_a_failed_login_stays_on_record_although_the_request_is_refused(
    client: httpx.AsyncClient, new_user: NewUser, stored: asyncpg.Connection
) -> None:
    user = await new_user("ada@example.com")

    await log_in(client, "a wrong one")

    assert await stored.fetchval("SELECT user_id FROM audit_events WHERE type = 'login.failed'") == user.id


async def test_an_event_is_a_log_line_with_a_stable_name(
    client: httpx.AsyncClient, new_user: NewUser, logged: Logged
) -> None:
    user = await new_user("ada@example.com")
    logged()

    await log_in(client, "a wrong one")

    [line] = audit_lines(logged)
    assert (line["message"], line["user_id"], line["address"]) == ("login.failed", str(user.id), "127.0.0.1")
    assert (line["level"], line["reason"], len(line["trace_id"])) == ("info", "wrong_credentials", 32)


@pytest.mark.usefixtures("client")
async def test_what_did_not_happen_is_no_log_line(app: FastAPI, logged: Logged) -> None:
    with contextlib.suppress(LookupError):
        async with app.state.resources.database.session() as session:
            audit = AuditTrail(audit_events=AuditEventRepository(session), device=COMMAND_LINE)
            await audit.record(AuditEventType.LOGIN_SUCCEEDED)
            raise LookupError

    assert not audit_lines(logged)


async def test_the_trail_cannot_be_rewritten(new_user: NewUser, stored: asyncpg.Connection) -> None:
    await new_user("ada@example.com")

    with pytest.raises(asyncpg.RaiseError, match="append-only"):
        await stored.execute("UPDATE audit_events SET type = 'nothing'")
