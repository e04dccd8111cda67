"""How often somebody may try to log in, and who is not shut out by it."""

import asyncio
import re
from collections.abc import AsyncIterator, Callable

import asyncpg
import httpx
import pytest
from fastapi import FastAPI

from service_chassis.testing.clients import running_client
from service_chassis.testing.door import Door

ADA = {"email": "ada@example.com", "password": "correct horse battery staple"}
HOME = "203.0.113.7"
ELSEWHERE = "198.51.100.9"


@pytest.fixture
async def client(new_app: Callable[..., FastAPI]) -> AsyncIterator[httpx.AsyncClient]:
    app = new_app(
        trusted_proxies="127.0.0.1",
        login_limit_per_network="20 per hour",
        login_limit_per_account="3 per hour",
        login_limit_per_account_everywhere="5 per hour",
    )
    async with running_client(app) as client:
        await client.post("/api/v1/auth/register", json=ADA, headers={"X-Forwarded-For": HOME})
        yield client


async def log_in(
    client: httpx.AsyncClient, address: str, *, username: str = "ada@example.com", password: str = "a wrong one"
) -> httpx.Response:
    form = {"username": username, "password": password}
    return await client.post("/api/v1/auth/login", data=form, headers={"X-Forwarded-For": address})


async def statuses(client: httpx.AsyncClient, *addresses: str) -> list[int]:
    return [(await log_in(client, address)).status_code for address in addresses]


async def test_too_many_attempts_at_an_account_are_refused_in_the_form_of_oauth2(client: httpx.AsyncClient) -> None:
    assert await statuses(client, HOME, HOME, HOME) == [401, 401, 401]

    refused = await log_in(client, HOME)

    assert (refused.status_code, refused.json()["error"]) == (429, "too_many_attempts")
    assert refused.headers["Cache-Control"] == "no-store"
    assert 1 <= int(refused.headers["Retry-After"]) <= 3600


async def test_a_refusal_names_the_policy_as_the_ietf_draft_says(client: httpx.AsyncClient) -> None:
    await statuses(client, HOME, HOME, HOME)

    refused = await log_in(client, HOME)

    assert refused.headers["RateLimit-Policy"] == '"account";q=3;w=3600'
    assert re.fullmatch(r'"account";r=0;t=\d+', refused.headers["RateLimit"])


@pytest.mark.parametrize("password", [ADA["password"], "a wrong one"])
async def test_every_answer_says_how_many_attempts_are_left(client: httpx.AsyncClient, password: str) -> None:
    answer = await log_in(client, HOME, password=password)

    assert answer.headers["RateLimit"].startswith('"account";r=2;')


async def test_the_right_password_is_refused_as_well(client: httpx.AsyncClient) -> None:
    await statuses(client, HOME, HOME, HOME)

    assert (await log_in(client, HOME, password=ADA["password"])).status_code == 429


async def test_whoever_logs_in_has_all_attempts_again(client: httpx.AsyncClient) -> None:
    await statuses(client, HOME, HOME)
    await log_in(client, HOME, password=ADA["password"])

    assert await statuses(client, HOME, HOME, HOME) == [401, 401, 401]


async def test_another_spelling_of_the_address_is_no_other_account(client: httpx.AsyncClient) -> None:
    answers = [
        await log_in(client, HOME, username=name)
        for name in ("ADA@example.com", "ada@EXAMPLE.com.", " ada@example.com")
    ]

    assert [answer.status_code for answer in answers] == [401, 401, 401]
    assert (await log_in(client, HOME)).status_code == 429


async def test_an_unknown_account_is_refused_after_as_many_attempts(client: httpx.AsyncClient) -> None:
    answers = [await log_in(client, HOME, username="nobody@example.com") for _ in range(4)]

    assert [answer.status_code for answer in answers] == [401, 401, 401, 429]


async def test_an_attacker_with_many_addresses_is_refused_at_the_account(client: httpx.AsyncClient) -> None:
    botnet = [f"198.51.100.{number}" for number in range(1, 8)]

    assert await statuses(client, *botnet) == [401, 401, 401, 401, 401, 429, 429]


async def test_an_attacker_does_not_lock_the_owner_out(client: httpx.AsyncClient) -> None:
    await statuses(client, *[f"198.51.100.{number}" for number in range(1, 8)])

    assert (await log_in(client, HOME, password=ADA["password"])).status_code == 200


async def test_a_network_is_refused_whatever_accounts_it_tries(client: httpx.AsyncClient) -> None:
    answers = [await log_in(client, ELSEWHERE, username=f"user{number}@example.com") for number in range(21)]

    assert [answer.status_code for answer in answers] == [401] * 20 + [429]
    assert answers[-1].headers["RateLimit-Policy"] == '"network";q=20;w=3600'
    assert (await log_in(client, HOME)).status_code == 401


async def test_the_addresses_of_one_ipv6_network_are_one(client: httpx.AsyncClient) -> None:
    addresses = [f"2001:db8:0:1::{number}" for number in range(1, 5)]

    assert await statuses(client, *addresses) == [401, 401, 401, 429]
    assert await statuses(client, "2001:db8:0:2::1") == [401]


async def test_an_ipv4_address_in_ipv6_clothes_is_the_same(client: httpx.AsyncClient) -> None:
    assert await statuses(client, HOME, HOME, HOME, f"::ffff:{HOME}") == [401, 401, 401, 429]


async def test_an_address_that_is_none_is_counted_all_the_same(client: httpx.AsyncClient) -> None:
    assert await statuses(client, *["unknown"] * 4) == [401, 401, 401, 429]


async def test_a_refused_attempt_is_not_hashed(client: httpx.AsyncClient, stored: asyncpg.Connection) -> None:
    await statuses(client, HOME, HOME, HOME)
    await log_in(client, HOME, password=ADA["password"])

    # What was judged is on record, as a success or a failure; the fourth attempt is neither.
    judged = "SELECT count(*) FROM audit_events WHERE type IN ('login.failed', 'login.succeeded')"
    assert await stored.fetchval(judged) == 3


async def test_attempts_that_an_outage_ends_do_not_count(new_app: Callable[..., FastAPI], door: Door) -> None:
    async with running_client(new_app(database_url=door.url, login_limit_per_account="3 per hour")) as client:
        await client.post("/api/v1/auth/register", json=ADA)
        await door.shut()

        away = [await log_in(client, HOME) for _ in range(4)]
        await door.open()
        back = [await log_in(client, HOME) for _ in range(4)]

    assert [answer.status_code for answer in away] == [503, 503, 503, 503]
    assert [answer.status_code for answer in back] == [401, 401, 401, 429]


async def test_an_outage_lets_nobody_try_more_often(new_app: Callable[..., FastAPI], door: Door) -> None:
    async with running_client(new_app(database_url=door.url, login_limit_per_account="3 per hour")) as client:
        await client.post("/api/v1/auth/register", json=ADA)
        before = [await log_in(client, HOME) for _ in range(2)]
        await door.shut()
        await asyncio.gather(*(log_in(client, HOME) for _ in range(8)))
        await door.open()

        after = await asyncio.gather(*(log_in(client, HOME) for _ in range(4)))

    assert [answer.status_code for answer in before] == [401, 401]
    assert sorted(answer.status_code for answer in after) == [401, 429, 429, 429]


async def test_refusals_of_one_window_leave_one_record(client: httpx.AsyncClient, stored: asyncpg.Connection) -> None:
    await statuses(client, *[HOME] * 8)

    [record] = await stored.fetch("SELECT address, details FROM audit_events WHERE type = 'attempts.refused'")
    assert (record["address"], record["details"]) == (HOME, '{"policy": "account"}')


async def test_registrations_count_against_the_network(client: httpx.AsyncClient) -> None:
    async def register(number: int) -> httpx.Response:
        body = ADA | {"email": f"user{number}@example.com"}
        return await client.post("/api/v1/auth/register", json=body, headers={"X-Forwarded-For": ELSEWHERE})

    await statuses(client, *[ELSEWHERE] * 19)
    admitted, refused = await register(1), await register(2)

    assert admitted.status_code == 201
    assert (refused.status_code, refused.json()["code"]) == (429, "too_many_attempts")
    assert refused.headers["Content-Type"] == "application/problem+json"


async def test_attempts_at_machine_clients_are_counted_by_network(client: httpx.AsyncClient) -> None:
    form = {"grant_type": "client_credentials", "client_id": "items-service", "client_secret": "a wrong one"}

    answers = [
        await client.post("/api/v1/auth/token", data=form, headers={"X-Forwarded-For": ELSEWHERE}) for _ in range(21)
    ]

    assert [answer.status_code for answer in answers] == [401] * 20 + [429]
    assert answers[-1].json()["error"] == "too_many_attempts"


@pytest.mark.parametrize("path", ["password-reset", "email-verification"])
async def test_nobody_is_flooded_with_mail(client: httpx.AsyncClient, path: str) -> None:
    async def ask(number: int) -> httpx.Response:
        headers = {"X-Forwarded-For": f"198.51.100.{number}"}
        return await client.post(f"/api/v1/auth/{path}", json={"email": "eve@example.com"}, headers=headers)

    answers = [await ask(number) for number in range(6)]

    assert [answer.status_code for answer in answers] == [202] * 5 + [429]
    assert answers[-1].headers["RateLimit-Policy"] == '"mail";q=5;w=3600'
    assert answers[-1].headers["Content-Type"] == "application/problem+json"


async def test_registrations_that_send_mail_count_as_mail(new_app: Callable[..., FastAPI]) -> None:
    app = new_app(email_verification_required=True, mail_limit_per_address="2 per hour")
    async with running_client(app) as client:
        answers = [await client.post("/api/v1/auth/register", json=ADA) for _ in range(3)]

    assert [answer.status_code for answer in answers] == [202, 202, 429]
