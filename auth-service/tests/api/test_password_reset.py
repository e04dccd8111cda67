"""POST /auth/password-reset and /auth/password-reset/confirm: a new password for who forgot theirs."""

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from typing import Any

import asyncpg
import httpx
import pytest
from fastapi import FastAPI

from auth_service.schemas.one_time_tokens import MailAnnouncement
from auth_service.schemas.users import UserWithToken
from service_chassis.testing.clients import running_client
from service_chassis.testing.mailbox import Mailbox

RESET = "/api/v1/auth/password-reset"
CONFIRM = "/api/v1/auth/password-reset/confirm"
EMAIL = "ada@example.com"
OLD = "correct horse battery staple"
NEW = "correct battery horse staple"
ANNOUNCED = (202, MailAnnouncement().model_dump())


@pytest.fixture
async def client(new_app: Callable[..., FastAPI], mailbox: Mailbox) -> AsyncIterator[httpx.AsyncClient]:
    """Give a client of an application that sends mail, in which addresses need no verification."""
    app = new_app(smtp_url=mailbox.url, app_url="https://app.example.com")
    async with running_client(app) as client:
        yield client


async def register(client: httpx.AsyncClient, email: str = EMAIL) -> UserWithToken:
    response = await client.post("/api/v1/auth/register", json={"email": email, "password": OLD})
    return UserWithToken.model_validate_json(response.content)


async def ask(client: httpx.AsyncClient, email: str = EMAIL) -> tuple[int, Any]:
    response = await client.post(RESET, json={"email": email})
    return response.status_code, response.json()


async def ask_for_token(client: httpx.AsyncClient, mailbox: Mailbox) -> str:
    await ask(client)
    text = (await mailbox.receive()).get_content()
    [token] = re.findall(r"https://app\.example\.com/reset-password#token=(\S+)", text)
    return str(token)


async def confirm(client: httpx.AsyncClient, token: str, *, password: str = NEW) -> httpx.Response:
    return await client.post(CONFIRM, json={"token": token, "new_password": password})


async def log_in(client: httpx.AsyncClient, password: str) -> int:
    return (await client.post("/api/v1/auth/login", data={"username": EMAIL, "password": password})).status_code


def assert_refused(response: httpx.Response) -> None:
    assert (response.status_code, response.json()["code"]) == (400, "invalid_one_time_token")


async def test_the_token_from_the_mail_sets_a_new_password(client: httpx.AsyncClient, mailbox: Mailbox) -> None:
    await register(client)

    response = await confirm(client, await ask_for_token(client, mailbox))

    assert (response.status_code, response.content) == (204, b"")
    assert (await log_in(client, OLD), await log_in(client, NEW)) == (401, 200)


async def test_whoever_asks_gets_one_answer(client: httpx.AsyncClient, stored: asyncpg.Connection) -> None:
    await register(client)
    await register(client, "disabled@example.com")
    await stored.execute("UPDATE users SET is_active = false WHERE email = 'disabled@example.com'")

    answers = [await ask(client, email) for email in (EMAIL, "nobody@example.com", "disabled@example.com")]

    assert answers == [ANNOUNCED] * 3


async def test_only_an_active_account_gets_mail(
    new_app: Callable[..., FastAPI], mailbox: Mailbox, stored: asyncpg.Connection
) -> None:
    async with running_client(new_app(smtp_url=mailbox.url)) as client:
        await register(client)
        await register(client, "disabled@example.com")
        await stored.execute("UPDATE users SET is_active = false WHERE email = 'disabled@example.com'")
        for email in ("nobody@example.com", "disabled@example.com", EMAIL):
            await ask(client, email)

    # Shutting down waited for what was going on.
    assert (await mailbox.receive())["To"] == EMAIL
    assert mailbox.is_empty()
    assert await stored.fetchval("SELECT count(*) FROM one_time_tokens") == 1


async def test_the_answer_does_not_wait_for_the_database(new_app: Callable[..., FastAPI], mailbox: Mailbox) -> None:
    app = new_app(smtp_url=mailbox.url)
    async with running_client(app) as client:
        await app.state.resources.mail_decisions.acquire()
        await app.state.resources.mail_decisions.acquire()

        answer = await ask(client)

        app.state.resources.mail_decisions.release()
    assert answer == ANNOUNCED


async def test_any_spelling_of_the_address_is_understood(client: httpx.AsyncClient, mailbox: Mailbox) -> None:
    await register(client)

    await ask(client, "ＡＤＡ@Example.com.")

    assert (await mailbox.receive())["To"] == EMAIL


async def test_all_sessions_end(client: httpx.AsyncClient, mailbox: Mailbox, stored: asyncpg.Connection) -> None:
    user = await register(client)
    await log_in(client, OLD)

    await confirm(client, await ask_for_token(client, mailbox))

    assert await stored.fetchval("SELECT count(*) FROM sessions WHERE ended_at IS NULL") == 0
    assert await stored.fetchval("SELECT count(*) FROM outbox_events WHERE type = 'session.revoked'") == 2
    me = await client.get("/api/v1/users/me", headers={"Authorization": f"Bearer {user.token.access_token}"})
    assert me.status_code == 401


async def test_the_address_that_the_token_was_sent_to_is_verified(
    client: httpx.AsyncClient, mailbox: Mailbox, stored: asyncpg.Connection
) -> None:
    await register(client)

    await confirm(client, await ask_for_token(client, mailbox))

    assert await stored.fetchval("SELECT email_verified FROM users")


async def test_an_address_that_the_token_was_not_sent_to_is_not_verified(
    client: httpx.AsyncClient, mailbox: Mailbox, stored: asyncpg.Connection
) -> None:
    await register(client)
    token = await ask_for_token(client, mailbox)
    await stored.execute("UPDATE users SET email = 'other@example.com'")

    await confirm(client, token)

    assert not await stored.fetchval("SELECT email_verified FROM users")


async def test_a_token_is_good_for_half_an_hour(
    client: httpx.AsyncClient, mailbox: Mailbox, stored: asyncpg.Connection
) -> None:
    await register(client)
    token = await ask_for_token(client, mailbox)
    lifetime = await stored.fetchval("SELECT expires_at - now() FROM one_time_tokens")
    await stored.execute("UPDATE one_time_tokens SET expires_at = now()")

    response = await confirm(client, token)

    assert timedelta(minutes=29) < lifetime <= timedelta(minutes=30)
    assert_refused(response)


async def test_a_token_works_once(client: httpx.AsyncClient, mailbox: Mailbox) -> None:
    await register(client)
    token = await ask_for_token(client, mailbox)
    await confirm(client, token)

    assert_refused(await confirm(client, token, password="another battery staple"))

    assert await log_in(client, NEW) == 200


async def test_of_two_who_use_a_token_at_once_one_sets_the_password(
    client: httpx.AsyncClient, mailbox: Mailbox, stored: asyncpg.Connection
) -> None:
    await register(client)
    token = await ask_for_token(client, mailbox)
    passwords = [f"correct battery staple {number}" for number in range(2)]

    responses = await asyncio.gather(*(confirm(client, token, password=password) for password in passwords))

    statuses = [response.status_code for response in responses]
    assert sorted(statuses) == [204, 400]
    assert await log_in(client, passwords[statuses.index(204)]) == 200
    assert await stored.fetchval("SELECT count(*) FROM audit_events WHERE type = 'password.reset'") == 1


async def test_a_newer_token_replaces_an_older_one(client: httpx.AsyncClient, mailbox: Mailbox) -> None:
    await register(client)
    older = await ask_for_token(client, mailbox)
    newer = await ask_for_token(client, mailbox)

    assert_refused(await confirm(client, older))
    assert (await confirm(client, newer)).status_code == 204


async def test_requests_at_once_leave_one_token(
    client: httpx.AsyncClient, mailbox: Mailbox, stored: asyncpg.Connection
) -> None:
    await register(client)

    await asyncio.gather(*(ask(client) for _ in range(4)))

    for _ in range(4):
        await mailbox.receive()
    assert await stored.fetchval("SELECT count(*) FROM one_time_tokens") == 1


@pytest.mark.parametrize(
    ("change", "password"),
    [
        pytest.param("UPDATE one_time_tokens SET purpose = 'email_verification'", NEW, id="for something else"),
        pytest.param("UPDATE users SET is_active = false", NEW, id="of a disabled account"),
        pytest.param("DELETE FROM one_time_tokens", NEW, id="unknown"),
    ],
)
async def test_a_token_that_is_not_good_for_this_changes_nothing(
    client: httpx.AsyncClient, mailbox: Mailbox, stored: asyncpg.Connection, change: str, password: str
) -> None:
    await register(client)
    token = await ask_for_token(client, mailbox)
    await stored.execute(change)
    before = [await stored.fetch(f"SELECT * FROM {table}") for table in ("users", "sessions", "one_time_tokens")]

    response = await confirm(client, token, password=password)

    assert_refused(response)
    after = [await stored.fetch(f"SELECT * FROM {table}") for table in ("users", "sessions", "one_time_tokens")]
    assert after == before


async def test_a_refused_password_leaves_the_token_usable(client: httpx.AsyncClient, mailbox: Mailbox) -> None:
    await register(client)
    token = await ask_for_token(client, mailbox)

    short = await confirm(client, token, password="short")
    guessable = await confirm(client, token, password=EMAIL)

    assert (short.status_code, guessable.status_code) == (422, 422)
    assert (await confirm(client, token)).status_code == 204


async def test_a_new_password_takes_back_every_other_token(
    client: httpx.AsyncClient, mailbox: Mailbox, stored: asyncpg.Connection
) -> None:
    await register(client)
    await client.post("/api/v1/auth/email-verification", json={"email": EMAIL})
    await mailbox.receive()

    await confirm(client, await ask_for_token(client, mailbox))

    assert await stored.fetchval("SELECT count(*) FROM one_time_tokens") == 0


async def test_who_asked_and_who_did_it_are_on_record(
    client: httpx.AsyncClient, mailbox: Mailbox, stored: asyncpg.Connection
) -> None:
    user = await register(client)

    await confirm(client, await ask_for_token(client, mailbox))

    rows = await stored.fetch("SELECT type, user_id, address FROM audit_events WHERE type LIKE 'password.reset%'")
    assert {tuple(row) for row in rows} == {
        ("password.reset_requested", user.id, "127.0.0.1"),
        ("password.reset", user.id, "127.0.0.1"),
    }


async def test_neither_logs_nor_rows_nor_answers_hold_a_token(
    client: httpx.AsyncClient, mailbox: Mailbox, stored: asyncpg.Connection, caplog: pytest.LogCaptureFixture
) -> None:
    await register(client)
    token = await ask_for_token(client, mailbox)
    rows = [await stored.fetch(f"SELECT * FROM {table}") for table in ("one_time_tokens", "audit_events")]

    used = await confirm(client, token)
    refused = await confirm(client, token)

    assert token not in f"{rows} {used.text} {refused.text} {[record.msg for record in caplog.records]}"
