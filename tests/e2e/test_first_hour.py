"""What a client does in its first hour, through the one base URL."""

from uuid import uuid4

import httpx
import pytest

from local_stack.running_pair import RunningPair

API = "/api/v1"


def register(client: httpx.Client) -> httpx.Response:
    email = f"{uuid4()}@example.com"
    return client.post(f"{API}/auth/register", json={"email": email, "password": "correct horse"})


def bearer(token: dict[str, str]) -> dict[str, str]:
    return {"Authorization": f"Bearer {token['access_token']}"}


def test_a_new_user_creates_changes_and_deletes_an_item(client: httpx.Client) -> None:
    token = register(client).json()["token"]

    created = client.post(f"{API}/items", json={"title": "Tandem bicycle"}, headers=bearer(token))
    changed = client.patch(created.headers["Location"], json={"title": "Red one"}, headers=bearer(token))
    listed = client.get(f"{API}/items", headers=bearer(token))
    deleted = client.delete(created.headers["Location"], headers=bearer(token))

    assert [created.status_code, changed.status_code, deleted.status_code] == [201, 200, 204]
    assert [item["title"] for item in listed.json()["items"]] == ["Red one"]


def test_a_refreshed_token_works_and_a_logged_out_session_does_not(client: httpx.Client) -> None:
    token = register(client).json()["token"]

    refreshed = client.post(f"{API}/auth/refresh", json={"refresh_token": token["refresh_token"]}).json()
    assert client.get(f"{API}/users/me", headers=bearer(refreshed)).status_code == 200
    assert client.get(f"{API}/items", headers=bearer(refreshed)).status_code == 200

    logged_out = client.post(f"{API}/auth/logout", json={"refresh_token": refreshed["refresh_token"]})

    assert logged_out.status_code == 204
    assert client.get(f"{API}/users/me", headers=bearer(refreshed)).status_code == 401
    again = client.post(f"{API}/auth/refresh", json={"refresh_token": refreshed["refresh_token"]})
    assert again.status_code == 401


def test_the_superuser_logs_in_as_one(client: httpx.Client, pair: RunningPair) -> None:
    form = {"username": pair.superuser_email, "password": pair.superuser_password}

    token = client.post(f"{API}/auth/login", data=form).json()

    assert "admin" in token["scope"].split()


def test_the_superuser_of_the_card_sees_the_demo_items(client: httpx.Client, pair: RunningPair) -> None:
    form = {"username": pair.superuser_email, "password": pair.superuser_password}
    token = client.post(f"{API}/auth/login", data=form).json()

    listed = client.get(f"{API}/items?limit=100", headers=bearer(token)).json()["items"]

    assert {item["title"] for item in listed} >= set(pair.demo_items) != set()


@pytest.mark.parametrize("path", ["/health", "/health/live", "/health/ready", "/metrics", "/internal/events"])
def test_internal_paths_are_not_routed(client: httpx.Client, path: str) -> None:
    response = client.get(path)

    assert response.status_code == 404
    assert "X-Request-ID" not in response.headers


@pytest.mark.parametrize("path", [f"{API}/users/me", f"{API}/items", f"{API}/auth/nothing-here"])
def test_every_error_of_both_services_has_one_form(client: httpx.Client, path: str) -> None:
    response = client.get(path, headers={"X-Request-ID": "screenshot-0001"})

    problem = response.json()
    assert response.headers["Content-Type"] == "application/problem+json"
    assert response.headers["X-Request-ID"] == "screenshot-0001"
    assert problem.keys() >= {"type", "title", "status", "detail", "instance", "code", "trace_id"}
    assert problem["instance"] == path
