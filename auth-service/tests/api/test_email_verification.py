"""Addresses that have to be proven: registering, logging in and changing one's address, with mail."""

import asyncio
import re
from collections.abc import Callable
from typing import Any

import asyncpg
import httpx
import pytest
from fastapi import FastAPI

from auth_service.schemas.one_time_tokens import MailAnnouncement
from service_chassis.testing.clients import running_client
from service_chassis.testing.mailbox import Mailbox

REGISTER = "/api/v1/auth/register"
ASK = "/api/v1/auth/email-verification"
CONFIRM = "/api/v1/auth/email-verification/confirm"
RESET = "/api/v1/auth/password-reset/confirm"
ME = "/api/v1/users/me"
EMAIL = "ada@example.com"
OTHER = "countess@example.com"
PASSWORD = "correct horse battery staple"
ANNOUNCED = (202, MailAnnouncement().model_dump())


@pytest.fixture
def client(mailing_client: httpx.AsyncClient) -> httpx.AsyncClient:
    return mailing_client


async def register(client: httpx.AsyncClient, email: str = EMAIL, *, password: str = PASSWORD) -> tuple[int, Any]:
    response = await client.post(REGISTER, json={"email": email, "password": password})
    return response.status_code, response.json()


async def receive_token(mailbox: Mailbox, *, email: str = EMAIL, page: str = "verify-email") -> str:
    mail = await mailbox.receive()
    assert mail["To"] == email
    found = re.search(rf"https://app\.example\.com/{page}#token=(\S+)", mail.get_content())
    assert found is not None
    return found[1]


async def confirm(client: httpx.AsyncClient, token: str) -> httpx.Response:
    return await client.post(CONFIRM, json={"token": token})


async def log_in(client: httpx.AsyncClient, email: str = EMAIL, *, password: str = PASSWORD) -> httpx.Response:
    return await client.post("/api/v1/auth/login", data={"username": email, "password": password})


async def become_verified(client: httpx.AsyncClient, mailbox: Mailbox, *, email: str = EMAIL) -> dict[str, str]:
    """Register, verify and log in; return the header that requests need."""
    await register(client, email)
    await confirm(client, await receive_token(mailbox, email=email))
    return {"Authorization": f"Bearer {(await log_in(client, email)).json()['access_token']}"}


def assert_refused(response: httpx.Response) -> None:
    assert (response.status_code, response.json()["code"]) == (400, "invalid_one_time_token")


async def test_the_token_from_the_mail_lets_its_account_log_in(client: httpx.AsyncClient, mailbox: Mailbox) -> None:
    await register(client)

    response = await confirm(client, await receive_token(mailbox))

    assert (response.status_code, response.content) == (204, b"")
    assert (await log_in(client)).status_code == 200


async def test_registering_answers_the_same_whoever_has_the_address(
    client: httpx.AsyncClient, stored: asyncpg.Connection
) -> None:
    new = await register(client)
    unverified = await register(client)
    await stored.execute("UPDATE users SET email_verified = true")
    verified = await register(client)
    await stored.execute("UPDATE users SET is_active = false")
    disabled = await register(client)

    assert [new, unverified, verified, disabled] == [ANNOUNCED] * 4


async def test_an_account_that_is_not_verified_is_refused_like_a_wrong_password(client: httpx.AsyncClient) -> None:
    await register(client)

    unverified, wrong = await log_in(client), await log_in(client, password="wrong horse battery staple")

    assert (unverified.status_code, unverified.content) == (wrong.status_code, wrong.content)
    assert unverified.status_code == 401


async def test_whoever_registers_with_a_taken_address_changes_nothing_but_its_owner_hears_of_it(
    client: httpx.AsyncClient, mailbox: Mailbox, stored: asyncpg.Connection
) -> None:
    await become_verified(client, mailbox)
    before = await stored.fetch("SELECT * FROM users")

    await register(client, password="another battery staple")

    mail = await mailbox.receive()
    assert mail["Subject"] == "You have an account at app.example.com"
    assert await stored.fetch("SELECT * FROM users") == before


async def test_who_registered_with_somebody_elses_address_first_gets_no_account_confirmed_by_them(
    client: httpx.AsyncClient, mailbox: Mailbox
) -> None:
    await register(client, password="the attacker's password")
    await receive_token(mailbox)

    await register(client, password=PASSWORD)
    token = await receive_token(mailbox, page="reset-password")
    await client.post(RESET, json={"token": token, "new_password": PASSWORD})

    assert (await log_in(client, password="the attacker's password")).status_code == 401
    assert (await log_in(client)).status_code == 200


async def test_asking_again_sends_a_token_that_replaces_the_first(client: httpx.AsyncClient, mailbox: Mailbox) -> None:
    await register(client)
    first = await receive_token(mailbox)

    response = await client.post(ASK, json={"email": EMAIL})

    assert (response.status_code, response.json()) == ANNOUNCED
    second = await receive_token(mailbox)
    assert_refused(await confirm(client, first))
    assert (await confirm(client, second)).status_code == 204


async def test_asking_answers_the_same_when_there_is_nothing_to_send(
    new_app: Callable[..., FastAPI], mailbox: Mailbox, stored: asyncpg.Connection
) -> None:
    app = new_app(email_verification_required=True, smtp_url=mailbox.url, app_url="https://app.example.com")
    async with running_client(app) as client:
        await become_verified(client, mailbox)
        await register(client, OTHER)
        await receive_token(mailbox, email=OTHER)
        await stored.execute("UPDATE users SET is_active = false WHERE email = $1", OTHER)

        answers = [await client.post(ASK, json={"email": email}) for email in (EMAIL, OTHER, "nobody@example.com")]

    assert [(answer.status_code, answer.json()) for answer in answers] == [ANNOUNCED] * 3
    # Shutting down waited for what was going on.
    assert mailbox.is_empty()


@pytest.mark.parametrize(
    "change",
    [
        pytest.param("UPDATE one_time_tokens SET purpose = 'password_reset'", id="for something else"),
        pytest.param("UPDATE one_time_tokens SET expires_at = now()", id="expired"),
        pytest.param("UPDATE users SET is_active = false", id="of a disabled account"),
        pytest.param("DELETE FROM one_time_tokens", id="unknown"),
    ],
)
async def test_a_token_that_is_not_good_for_this_verifies_nothing(
    client: httpx.AsyncClient, mailbox: Mailbox, stored: asyncpg.Connection, change: str
) -> None:
    await register(client)
    token = await receive_token(mailbox)
    await stored.execute(change)

    assert_refused(await confirm(client, token))

    assert not await stored.fetchval("SELECT email_verified FROM users")


async def test_a_token_works_once(client: httpx.AsyncClient, mailbox: Mailbox) -> None:
    await register(client)
    token = await receive_token(mailbox)

    responses = await asyncio.gather(*(confirm(client, token) for _ in range(3)))

    assert sorted(response.status_code for response in responses) == [204, 400, 400]


async def test_a_new_address_is_used_once_its_owner_says_so(client: httpx.AsyncClient, mailbox: Mailbox) -> None:
    authorization = await become_verified(client, mailbox)

    changed = await client.patch(ME, json={"email": OTHER, "full_name": "Ada"}, headers=authorization)
    token = await receive_token(mailbox, email=OTHER)
    before = await log_in(client, OTHER)
    await confirm(client, token)

    assert (changed.status_code, changed.json()["email"], changed.json()["full_name"]) == (200, EMAIL, "Ada")
    assert before.status_code == 401
    assert (await log_in(client, OTHER)).status_code == 200
    assert (await log_in(client, EMAIL)).status_code == 401


async def test_the_former_address_hears_of_the_change(client: httpx.AsyncClient, mailbox: Mailbox) -> None:
    authorization = await become_verified(client, mailbox)
    await client.patch(ME, json={"email": OTHER}, headers=authorization)

    await confirm(client, await receive_token(mailbox, email=OTHER))

    notice = await mailbox.receive()
    assert (notice["To"], notice["Subject"]) == (EMAIL, "Your address at app.example.com was changed")


async def test_changing_to_a_taken_address_answers_the_same_and_changes_nothing(
    client: httpx.AsyncClient, mailbox: Mailbox, stored: asyncpg.Connection
) -> None:
    await become_verified(client, mailbox, email=OTHER)
    authorization = await become_verified(client, mailbox)

    response = await client.patch(ME, json={"email": OTHER}, headers=authorization)

    assert (response.status_code, response.json()["email"]) == (200, EMAIL)
    await receive_token(mailbox, email=OTHER, page="reset-password")
    assert await stored.fetchval("SELECT count(*) FROM users WHERE email = $1", EMAIL) == 1


async def test_an_address_that_somebody_else_got_meanwhile_is_a_conflict(
    client: httpx.AsyncClient, mailbox: Mailbox
) -> None:
    authorization = await become_verified(client, mailbox)
    await client.patch(ME, json={"email": OTHER}, headers=authorization)
    token = await receive_token(mailbox, email=OTHER)
    await become_verified(client, mailbox, email=OTHER)

    response = await confirm(client, token)

    assert (response.status_code, response.json()["code"]) == (409, "email_already_registered")


async def test_where_no_mail_is_needed_a_new_address_counts_as_unproven(
    new_app: Callable[..., FastAPI], mailbox: Mailbox, stored: asyncpg.Connection
) -> None:
    async with running_client(new_app(smtp_url=mailbox.url)) as client:
        response = await client.post(REGISTER, json={"email": EMAIL, "password": PASSWORD})
        await stored.execute("UPDATE users SET email_verified = true")
        authorization = {"Authorization": f"Bearer {response.json()['token']['access_token']}"}

        await client.patch(ME, json={"email": OTHER}, headers=authorization)

    row = await stored.fetchrow("SELECT email, email_verified FROM users")
    assert tuple(row) == (OTHER, False)


async def test_a_token_to_a_former_address_does_not_bring_it_back(
    new_app: Callable[..., FastAPI], mailbox: Mailbox, stored: asyncpg.Connection
) -> None:
    async with running_client(new_app(smtp_url=mailbox.url, app_url="https://app.example.com")) as client:
        response = await client.post(REGISTER, json={"email": EMAIL, "password": PASSWORD})
        authorization = {"Authorization": f"Bearer {response.json()['token']['access_token']}"}
        await client.post(ASK, json={"email": EMAIL})
        token = await receive_token(mailbox)
        await client.patch(ME, json={"email": OTHER}, headers=authorization)

        assert_refused(await confirm(client, token))

    assert await stored.fetchval("SELECT email FROM users") == OTHER


async def test_each_step_is_on_record(client: httpx.AsyncClient, mailbox: Mailbox, stored: asyncpg.Connection) -> None:
    authorization = await become_verified(client, mailbox)
    await client.patch(ME, json={"email": OTHER}, headers=authorization)
    await confirm(client, await receive_token(mailbox, email=OTHER))

    types = await stored.fetch("SELECT type FROM audit_events WHERE type LIKE 'email.%' ORDER BY id")
    names = " ".join(row["type"] for row in types)
    assert names == "email.verified email.change_requested email.verified email.changed"


async def test_neither_logs_nor_rows_hold_a_token(
    client: httpx.AsyncClient, mailbox: Mailbox, stored: asyncpg.Connection, caplog: pytest.LogCaptureFixture
) -> None:
    await register(client)
    token = await receive_token(mailbox)
    rows = [await stored.fetch(f"SELECT * FROM {table}") for table in ("one_time_tokens", "audit_events")]

    await confirm(client, token)

    assert token not in f"{rows} {[record.msg for record in caplog.records]}"
