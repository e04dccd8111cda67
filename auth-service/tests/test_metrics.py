"""What this service tells of itself, on top of what every service does."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import asyncpg
import httpx
import pytest
from fastapi import FastAPI

from auth_service.core.security import PasswordHashing
from auth_service.models import OutboxEventType
from auth_service.schemas.users import UserWithToken
from auth_service.services.session_count import SessionCount
from auth_service.services.sessions import SessionEnd
from local_stack.polling import poll_until
from service_chassis.testing.clients import running_client
from service_chassis.testing.metrics import metric, rise_of, shown

API = "/api/v1"
LOGINS, TOKENS, ENDED = "tandem_logins_total", "tandem_tokens_issued_total", "tandem_sessions_ended_total"
DECISIONS = "tandem_rate_limit_decisions_total"
ADA = {"email": "ada@example.com", "password": "correct horse battery staple"}

NewUser = Callable[..., Awaitable[UserWithToken]]
NewApp = Callable[..., FastAPI]


async def log_in(client: httpx.AsyncClient, password: str = ADA["password"]) -> httpx.Response:
    return await client.post(f"{API}/auth/login", data={"username": ADA["email"], "password": password})


def bearer(user: UserWithToken) -> dict[str, str]:
    return {"Authorization": f"Bearer {user.token.access_token}"}


@pytest.fixture
async def ada(new_user: NewUser) -> UserWithToken:
    return await new_user(ADA["email"])


@pytest.fixture
async def limited(new_app: NewApp) -> AsyncIterator[httpx.AsyncClient]:
    async with running_client(new_app(login_limit_per_account="1 per hour")) as client:
        yield client


@pytest.mark.usefixtures("ada")
async def test_logins_are_counted_by_their_outcome(client: httpx.AsyncClient) -> None:
    with rise_of(LOGINS, outcome="succeeded") as succeeded, rise_of(TOKENS, grant="password") as tokens:
        await log_in(client)
    with rise_of(LOGINS, outcome="wrong_credentials") as wrong, rise_of(TOKENS) as no_tokens:
        await log_in(client, "a wrong one")
        await client.post(f"{API}/auth/login", data={"username": "nobody@example.com", "password": "any"})

    assert (succeeded.by, tokens.by) == (1, 1)
    assert (wrong.by, no_tokens.by) == (2, 0)


@pytest.mark.usefixtures("ada")
async def test_an_inactive_account_is_told_apart_here_and_nowhere_else(
    client: httpx.AsyncClient, stored: asyncpg.Connection
) -> None:
    await stored.execute("UPDATE users SET is_active = false")

    with rise_of(LOGINS, outcome="inactive") as inactive, rise_of(LOGINS) as all_logins:
        answer = await log_in(client)

    assert (inactive.by, all_logins.by) == (1, 1)
    assert "inactive" not in answer.text


async def test_an_unverified_address_is_told_apart_here_and_nowhere_else(mailing_client: httpx.AsyncClient) -> None:
    await mailing_client.post(f"{API}/auth/register", json=ADA)

    with rise_of(LOGINS, outcome="unverified") as unverified, rise_of(LOGINS) as all_logins:
        answer = await log_in(mailing_client)

    assert (unverified.by, all_logins.by) == (1, 1)
    assert "verif" not in answer.text


async def test_refused_attempts_are_counted_as_logins_and_as_decisions(limited: httpx.AsyncClient) -> None:
    labels = {"limit": "account", "decision": "refused"}
    with (
        rise_of(LOGINS, outcome="throttled") as throttled,
        rise_of(DECISIONS, **labels) as refused,
        rise_of(DECISIONS, limit="network", decision="allowed") as allowed,
    ):
        answers = [await log_in(limited, "a wrong one") for _ in range(3)]

    assert [answer.status_code for answer in answers] == [401, 429, 429]
    assert (throttled.by, refused.by, allowed.by) == (2, 2, 3)


async def test_a_full_queue_is_counted_as_a_refusal(app: FastAPI, client: httpx.AsyncClient) -> None:
    app.state.resources.password_hashing = PasswordHashing(threads=1, queue_length=-1)

    with rise_of(LOGINS, outcome="busy") as busy, rise_of("tandem_password_hash_refusals_total") as refusals:
        answer = await log_in(client)

    assert answer.status_code == 503
    assert (busy.by, refusals.by) == (1, 1)


@pytest.mark.usefixtures("client")
async def test_hashing_shows_what_it_does_and_what_waits_for_it(app: FastAPI) -> None:
    app.state.resources.password_hashing = hashing = PasswordHashing(threads=1)
    with rise_of("tandem_password_hash_duration_seconds_count") as hashes:
        work = asyncio.gather(*(hashing.hash(ADA["password"]) for _ in range(10)))
        await asyncio.sleep(0)
        # One look, since hashing goes on meanwhile.
        meanwhile = {sample.labels["state"]: sample.value for sample in shown("tandem_password_hash_jobs")}
        await work

    assert meanwhile["busy"] == 1
    assert 1 <= meanwhile["queued"] <= 9
    assert hashes.by == 10
    assert metric("tandem_password_hash_jobs") == 0
    assert metric("tandem_password_hash_threads") == 1


async def test_tokens_are_counted_by_what_they_were_issued_for(
    client: httpx.AsyncClient, new_user: NewUser, new_machine_client: Callable[..., Awaitable[str]]
) -> None:
    secret = await new_machine_client("follower")
    with rise_of(TOKENS, grant="registration") as registration:
        user = await new_user()
    with rise_of(TOKENS, grant="refresh_token") as refresh:
        await client.post(f"{API}/auth/refresh", json={"refresh_token": user.token.refresh_token})
    with rise_of(TOKENS, grant="client_credentials") as machine:
        form = {"grant_type": "client_credentials"}
        await client.post(f"{API}/auth/token", data=form, auth=("follower", secret))

    assert (registration.by, refresh.by, machine.by) == (1, 1, 1)


async def test_a_reused_refresh_token_is_counted_and_so_is_the_end_of_its_session(
    client: httpx.AsyncClient, ada: UserWithToken, stored: asyncpg.Connection
) -> None:
    body = {"refresh_token": ada.token.refresh_token}
    await client.post(f"{API}/auth/refresh", json=body)
    await stored.execute("UPDATE refresh_tokens SET used_at = used_at - interval '1 minute' WHERE used_at IS NOT NULL")

    with rise_of("tandem_refresh_token_reuse_total") as reuse, rise_of(ENDED, reason="refresh_reused") as ended:
        for _ in range(2):
            await client.post(f"{API}/auth/refresh", json=body)

    assert (reuse.by, ended.by) == (2, 1)


@pytest.mark.parametrize(
    ("reason", "method", "path", "body"),
    [
        ("logged_out", "POST", "/auth/logout", None),
        ("revoked", "DELETE", "/auth/sessions", None),
        ("password_changed", "PUT", "/users/me/password", {"new_password": "another long password"}),
    ],
)
async def test_ended_sessions_are_counted_by_what_ended_them(
    client: httpx.AsyncClient, ada: UserWithToken, reason: str, method: str, path: str, body: dict[str, str] | None
) -> None:
    await log_in(client)
    shows = {"current_password": ADA["password"]} if body else {"refresh_token": ada.token.refresh_token}
    content: dict[str, Any] = {} if method == "DELETE" else {"json": shows | (body or {})}

    told = {"type": "session.revoked"}
    with (
        rise_of(ENDED, reason=reason) as ended,
        rise_of(ENDED) as all_ends,
        rise_of("tandem_outbox_events_total", **told) as events,
    ):
        answer = await client.request(method, f"{API}{path}", headers=bearer(ada), **content)

    assert answer.status_code == 204
    expected = 2 if reason == "revoked" else 1
    assert (ended.by, all_ends.by, events.by) == (expected, expected, expected)


def test_every_reason_and_every_event_is_shown_from_the_start() -> None:
    reasons = {sample.labels["reason"] for sample in shown(ENDED)}
    types = {sample.labels["type"] for sample in shown("tandem_outbox_events_total")}

    assert (reasons, types) == (set(SessionEnd), set(OutboxEventType))


async def test_sessions_that_end_with_their_account_are_counted(
    client: httpx.AsyncClient, ada: UserWithToken, new_superuser: NewUser
) -> None:
    root = await new_superuser()

    with rise_of(ENDED, reason="deactivated") as ended:
        await client.patch(f"{API}/users/{ada.id}", json={"is_active": False}, headers=bearer(root))

    assert ended.by == 1


async def test_live_sessions_are_counted_now_and_then(
    app: FastAPI, ada: UserWithToken, client: httpx.AsyncClient
) -> None:
    await log_in(client)
    count = SessionCount(app.state.resources.database, count_every_seconds=0.02)
    count.start()
    await poll_until(lambda: metric("tandem_sessions_active") == 2, every_seconds=0.01)

    await client.delete(f"{API}/auth/sessions?keep_current=true", headers=bearer(ada))
    await poll_until(lambda: metric("tandem_sessions_active") == 1, every_seconds=0.01)
    await count.close()


async def test_the_number_of_sessions_is_absent_while_the_database_is_away(new_app: NewApp) -> None:
    app = new_app(database_url="postgresql://nobody@127.0.0.1:1/nothing")
    count = SessionCount(app.state.resources.database)
    count.start()
    await poll_until(lambda: not shown("tandem_sessions_active"), every_seconds=0.01)
    await count.close()


async def test_signing_keys_are_shown_by_state_and_the_age_of_the_one_that_signs(
    client: httpx.AsyncClient, stored: asyncpg.Connection
) -> None:
    await client.get("/.well-known/jwks.json")
    keys, age = metric("tandem_signing_keys", state="signing"), metric("tandem_signing_key_age_seconds")

    await stored.execute("UPDATE signing_keys SET created_at = created_at - interval '1 hour'")
    await poll_until(lambda: metric("tandem_signing_key_age_seconds") > 3600, every_seconds=0.02)

    assert keys == 1
    # The tests of a worker share the key.
    assert 0 <= age < 3600


async def test_who_waits_for_events_is_shown(app: FastAPI, service_token: Callable[..., Awaitable[str]]) -> None:
    async with running_client(app) as client:
        headers = {"Authorization": f"Bearer {await service_token(app)}"}
        poll = asyncio.create_task(client.get("/internal/events?wait=20", headers=headers))
        await poll_until(lambda: metric("tandem_event_feed_waiting") == 1, every_seconds=0.01)
        app.state.resources.event_feed.answer_who_waits()
        await poll
        waiting = metric("tandem_event_feed_waiting")

    assert waiting == 0


@pytest.mark.usefixtures("client")
async def test_rate_limits_that_are_not_shared_are_shown_as_such() -> None:
    assert [sample.value for sample in shown("tandem_rate_limits_shared")] == [0]
