"""PostgreSQL halted under both services: every request is answered in time, and all is well again right after."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import httpx

from local_stack.running_pair import RunningPair
from service_chassis.certificates import trusted_certificates

API = "/api/v1"
PATIENCE_SECONDS = 5.0


def log_in(client: httpx.Client, pair: RunningPair) -> dict[str, str]:
    form = {"username": pair.superuser_email, "password": pair.superuser_password}
    token: str = client.post(f"{API}/auth/login", data=form).json()["access_token"]
    return {"Authorization": f"Bearer {token}"}


def requests_of_both_services(client: httpx.Client) -> list[httpx.Request]:
    item, items = {"title": "Tandem bicycle"}, f"{API}/items"
    return [
        client.build_request("GET", f"{API}/users/me"),
        client.build_request("GET", items),
        client.build_request("GET", f"{items}/{uuid4()}"),
        client.build_request("POST", items, json=item),
        client.build_request("POST", items, json=item, headers={"Idempotency-Key": str(uuid4())}),
        client.build_request("POST", f"{items}/batch", json={"items": [item]}),
        client.build_request("PATCH", f"{items}/{uuid4()}", json=item),
        client.build_request("DELETE", f"{items}/{uuid4()}"),
    ]


def in_time(ask: Callable[[], httpx.Response]) -> httpx.Response:
    started_at = time.monotonic()
    response = ask()
    assert time.monotonic() - started_at < PATIENCE_SECONDS
    return response


def statuses_of(pair: RunningPair, path: str) -> list[int]:
    urls = (pair.auth_url, pair.items_url)
    verify = trusted_certificates(pair.auth_url)
    return [httpx.get(f"{url}{path}", timeout=PATIENCE_SECONDS, verify=verify).status_code for url in urls]


def test_a_halted_database_is_a_503_in_time_and_service_returns_with_it(
    client: httpx.Client, pair: RunningPair
) -> None:
    client.headers.update(log_in(client, pair))

    with pair.halted_database(), ThreadPoolExecutor(16) as threads:
        requests = requests_of_both_services(client) * 4
        during = list(threads.map(lambda request: in_time(lambda: client.send(request)), requests))
        live, ready = statuses_of(pair, "/health/live"), statuses_of(pair, "/health/ready")
    resumed_at = time.monotonic()
    while client.get(f"{API}/users/me").status_code != 200 or client.get(f"{API}/items").status_code != 200:
        assert time.monotonic() - resumed_at < PATIENCE_SECONDS

    assert {response.status_code for response in during} == {503}
    assert {response.json()["code"] for response in during} == {"database_unavailable"}
    assert all(int(response.headers["Retry-After"]) > 0 for response in during)
    assert (live, ready) == ([200, 200], [503, 503])
    assert statuses_of(pair, "/health/ready") == [200, 200]
