"""What auth-service issues is what items-service accepts, held together by the published documents alone."""

import httpx
import jwt
import pytest

from local_stack.running_pair import RunningPair
from local_stack.services import AUTH, ITEMS

API = "/api/v1"


def log_in(client: httpx.Client, pair: RunningPair) -> str:
    form = {"username": pair.superuser_email, "password": pair.superuser_password}
    token: str = client.post(f"{API}/auth/login", data=form).json()["access_token"]
    return token


def test_a_standard_library_verifies_a_token_with_the_published_keys(client: httpx.Client, pair: RunningPair) -> None:
    token = log_in(client, pair)

    keys = jwt.PyJWKSet.from_dict(client.get("/.well-known/jwks.json").json())
    header = jwt.get_unverified_header(token)
    claims = jwt.decode(token, keys[header["kid"]], ["ES256"], audience="tandem", issuer=pair.base_url)

    assert header["typ"] == "at+jwt"
    assert claims.keys() == {"iss", "aud", "sub", "client_id", "iat", "exp", "jti", "sid", "ver", "scope"}


@pytest.mark.resilience
def test_items_service_needs_no_auth_service_even_to_start(client: httpx.Client, pair: RunningPair) -> None:
    headers = {"Authorization": f"Bearer {log_in(client, pair)}"}
    assert client.get(f"{API}/items", headers=headers).status_code == 200

    pair.stop(AUTH)
    try:
        during = client.get(f"{API}/items", headers=headers)
        login_during = client.post(f"{API}/auth/login", data={"username": "a", "password": "b"})
        pair.stop(ITEMS)
        pair.start(ITEMS)
        after_a_restart = client.get(f"{API}/items", headers=headers)
    finally:
        pair.start(AUTH)

    assert (during.status_code, after_a_restart.status_code) == (200, 200)
    assert login_during.status_code in {502, 503}
    new_headers = {"Authorization": f"Bearer {log_in(client, pair)}"}
    assert client.get(f"{API}/items", headers=new_headers).status_code == 200


@pytest.mark.resilience
def test_auth_service_does_not_notice_that_items_service_is_stopped(client: httpx.Client, pair: RunningPair) -> None:
    pair.stop(ITEMS)
    try:
        headers = {"Authorization": f"Bearer {log_in(client, pair)}"}
        account = client.get(f"{API}/users/me", headers=headers)
    finally:
        pair.start(ITEMS)

    assert account.status_code == 200
    assert client.get(f"{API}/items", headers=headers).status_code == 200


def test_both_descriptions_name_the_same_way_to_log_in(client: httpx.Client) -> None:
    documents = [client.get(f"{API}/{name}/openapi.json").json() for name in ("auth", "items")]

    schemes = [document["components"]["securitySchemes"] for document in documents]
    assert schemes[0] == schemes[1]
    assert schemes[0]["login"]["flows"]["password"]["tokenUrl"] == f"{API}/auth/login"


def test_the_pairs_own_client_gets_a_token_that_no_users_route_takes(client: httpx.Client, pair: RunningPair) -> None:
    grant = {"grant_type": "client_credentials", "scope": "events:read"}

    token = client.post(f"{API}/auth/token", data=grant, auth=("items-service", pair.feed_client_secret)).json()

    headers = {"Authorization": f"Bearer {token['access_token']}"}
    answers = [client.get(f"{API}{path}", headers=headers) for path in ("/items", "/users/me", "/users")]
    assert token["scope"] == "events:read"
    assert [(answer.status_code, answer.json()["code"]) for answer in answers] == [(401, "invalid_token")] * 3
