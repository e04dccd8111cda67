"""What auth-service ends is ended in items-service as well, a moment later and for good."""

import asyncio
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

import asyncpg
import httpx
import pytest

from local_stack.running_pair import RunningPair
from local_stack.services import AUTH, ITEMS
from service_chassis.certificates import trusted_certificates

API = "/api/v1"
ITEMS_PATH = f"{API}/items"
PASSWORD = "correct horse"
ENDED_EVERYWHERE_SECONDS = 2.0
GONE_SECONDS = 10.0
# Somebody else may need the machine for a while.
TRIES = 3

Account = dict[str, Any]


def register(client: httpx.Client) -> Account:
    account = {"email": f"{uuid4()}@example.com", "password": PASSWORD}
    registered: Account = client.post(f"{API}/auth/register", json=account).json()
    return registered


def log_in(client: httpx.Client, email: str, *, password: str = PASSWORD) -> dict[str, str]:
    answer = client.post(f"{API}/auth/login", data={"username": email, "password": password})
    return bearer(answer.json())


def bearer(token: dict[str, Any]) -> dict[str, str]:
    return {"Authorization": f"Bearer {token['access_token']}"}


def seconds_until_refused(client: httpx.Client, token: dict[str, str]) -> float:
    began = time.monotonic()
    while (answer := client.get(ITEMS_PATH, headers=token)).status_code == 200:
        assert time.monotonic() - began < 10 * ENDED_EVERYWHERE_SECONDS
        time.sleep(0.02)
    assert (answer.status_code, answer.json()["code"]) == (401, "invalid_token")
    return time.monotonic() - began


def assert_ends_in_time(client: httpx.Client, end: Callable[[Account], httpx.Response]) -> Account:
    """Try with another account each time; the last one is returned."""
    for _ in range(TRIES):
        account = register(client)
        token = bearer(account["token"])
        assert client.get(ITEMS_PATH, headers=token).status_code == 200
        assert end(account).is_success
        if seconds_until_refused(client, token) < ENDED_EVERYWHERE_SECONDS:
            return account
    raise AssertionError("nothing ended in time")


@contextmanager
def stopped(pair: RunningPair) -> Iterator[None]:
    pair.stop(AUTH)
    try:
        yield
    finally:
        pair.start(AUTH)


def test_a_logout_ends_the_session_everywhere(client: httpx.Client) -> None:
    def log_out(account: Account) -> httpx.Response:
        return client.post(f"{API}/auth/logout", json={"refresh_token": account["token"]["refresh_token"]})

    account = assert_ends_in_time(client, log_out)

    assert client.get(ITEMS_PATH, headers=log_in(client, account["email"])).status_code == 200


def test_a_deactivated_account_is_refused_everywhere(client: httpx.Client, pair: RunningPair) -> None:
    superuser = log_in(client, pair.superuser_email, password=pair.superuser_password)

    def deactivate(account: Account) -> httpx.Response:
        return client.patch(f"{API}/users/{account['id']}", json={"is_active": False}, headers=superuser)

    assert_ends_in_time(client, deactivate)


def test_a_change_of_role_ends_the_tokens_from_before_it_and_none_from_after(
    client: httpx.Client, pair: RunningPair
) -> None:
    superuser = log_in(client, pair.superuser_email, password=pair.superuser_password)
    after: dict[str, str] = {}

    def promote(account: Account) -> httpx.Response:
        changed = client.patch(f"{API}/users/{account['id']}", json={"is_superuser": True}, headers=superuser)
        after.update(log_in(client, account["email"]))
        return changed

    assert_ends_in_time(client, promote)

    assert client.get(ITEMS_PATH, headers=after).status_code == 200


def test_no_item_of_a_deleted_user_is_left_although_others_are_being_created(
    client: httpx.Client, pair: RunningPair
) -> None:
    account = register(client)
    token = bearer(account["token"])

    def create_until_refused(number: int) -> int:
        verify = trusted_certificates(pair.base_url)
        with httpx.Client(base_url=pair.base_url, timeout=10, verify=verify) as own:
            created = 0
            while own.post(ITEMS_PATH, json={"title": str(number)}, headers=token).status_code != 401:
                created += 1
            return created

    with ThreadPoolExecutor(4) as threads:
        racing = [threads.submit(create_until_refused, number) for number in range(4)]
        while not client.get(ITEMS_PATH, headers=token).json()["items"]:
            time.sleep(0.02)
        assert client.delete(f"{API}/users/me", headers=token).status_code == 204
        deleted_at = time.monotonic()
        assert sum(future.result() for future in racing)

    while asyncio.run(count_items(pair, account["id"])):
        assert time.monotonic() - deleted_at < GONE_SECONDS
        time.sleep(0.05)


@pytest.mark.resilience
def test_a_restarted_items_service_still_refuses_while_auth_service_is_away(
    client: httpx.Client, pair: RunningPair
) -> None:
    account, other = register(client), register(client)
    token = bearer(account["token"])
    client.post(f"{API}/auth/logout", json={"refresh_token": account["token"]["refresh_token"]})
    seconds_until_refused(client, token)

    with stopped(pair):
        pair.stop(ITEMS)
        pair.start(ITEMS)
        refused = client.get(ITEMS_PATH, headers=token)
        served = client.get(ITEMS_PATH, headers=bearer(other["token"]))

    assert (refused.status_code, served.status_code) == (401, 200)
    # And when auth-service is back, what it ends is heard of again.
    client.post(f"{API}/auth/logout", json={"refresh_token": other["token"]["refresh_token"]})
    seconds_until_refused(client, bearer(other["token"]))


async def count_items(pair: RunningPair, owner_id: str) -> int:
    connection = await asyncpg.connect(pair.items_database_url.replace("postgresql+asyncpg", "postgresql"))
    count: int = await connection.fetchval("SELECT count(*) FROM items WHERE owner_id = $1", owner_id)
    await connection.close()
    return count
