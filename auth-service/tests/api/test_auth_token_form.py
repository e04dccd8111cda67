"""POST /auth/token: how strictly it reads its form; in each case only one thing is wrong."""

from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest

TOKEN = "/api/v1/auth/token"
SECRET = "0123456789abcdef" * 4
FORM = {"grant_type": "client_credentials", "client_id": "items-service", "client_secret": SECRET}
REFRESH = {"grant_type": "refresh_token", "refresh_token": SECRET}
URLENCODED = {"Content-Type": "application/x-www-form-urlencoded"}


@pytest.fixture(autouse=True)
async def _client_that_exists(new_machine_client: Callable[..., Awaitable[str]]) -> None:
    await new_machine_client("items-service", secret=SECRET)


def form_without(name: str) -> dict[str, str]:
    return {key: value for key, value in FORM.items() if key != name}


def assert_refused(response: httpx.Response, error: str) -> None:
    assert (response.status_code, response.json()["error"]) == (400, error)
    assert set(response.json()) == {"error", "error_description"}
    assert response.headers["Cache-Control"] == "no-store"
    assert SECRET not in response.text


@pytest.mark.parametrize(
    "content",
    [
        pytest.param("", id="empty body"),
        pytest.param(urlencode(form_without("grant_type")), id="no grant type"),
        pytest.param(urlencode(FORM | {"grant_type": ""}), id="empty grant type"),
        pytest.param(urlencode(FORM | {"audience": "tandem"}), id="unknown parameter"),
        pytest.param(urlencode(FORM | {"audience": ""}), id="empty unknown parameter"),
        pytest.param(urlencode(FORM | {"refresh_token": SECRET}), id="a parameter of another grant"),
        pytest.param(urlencode(FORM | {"username": "ada@example.com", "password": "x"}), id="a login's parameters"),
        pytest.param(urlencode(FORM) + "&grant_type=client_credentials", id="repeated grant type"),
        pytest.param(urlencode(FORM) + "&client_secret=another", id="repeated secret"),
        pytest.param(urlencode(FORM) + "&scope=&scope=", id="repeated empty parameter"),
        pytest.param(urlencode(FORM) + "&scope=%FF", id="no UTF-8"),
        pytest.param(urlencode(FORM) + "&scope", id="a name without a value"),
        pytest.param(urlencode(FORM | {"client_id": "items-service\0"}), id="NUL in the client's name"),
        pytest.param(urlencode({"grant_type": "refresh_token"}), id="no refresh token"),
        pytest.param(urlencode(REFRESH | {"refresh_token": ""}), id="empty refresh token"),
        pytest.param(urlencode(REFRESH | {"refresh_token": "x" * 129}), id="over-long refresh token"),
    ],
)
async def test_a_malformed_form_is_an_invalid_request(client: httpx.AsyncClient, content: str) -> None:
    response = await client.post(TOKEN, content=content.encode(), headers=URLENCODED)

    assert_refused(response, "invalid_request")


@pytest.mark.parametrize(
    "form",
    [
        pytest.param(FORM | {"grant_type": "password", "username": "ada@example.com", "password": "x"}, id="password"),
        pytest.param(FORM | {"grant_type": "authorization_code", "code": "x"}, id="authorization code"),
        pytest.param(FORM | {"grant_type": "urn:ietf:params:oauth:grant-type:token-exchange"}, id="token exchange"),
        pytest.param(FORM | {"grant_type": "CLIENT_CREDENTIALS"}, id="in capitals"),
    ],
)
async def test_another_grant_type_is_not_supported(client: httpx.AsyncClient, form: dict[str, str]) -> None:
    response = await client.post(TOKEN, data=form)

    assert_refused(response, "unsupported_grant_type")


@pytest.mark.parametrize(
    "request_body",
    [
        pytest.param({"json": FORM}, id="JSON"),
        pytest.param({"content": urlencode(FORM)}, id="undeclared"),
        pytest.param({"content": urlencode(FORM), "headers": {"Content-Type": "text/plain"}}, id="text"),
        pytest.param({"data": FORM, "files": {"scope": b"events:read"}}, id="a file in the form"),
        pytest.param({"files": {name: (None, value) for name, value in FORM.items()}}, id="multipart without a file"),
    ],
)
async def test_another_content_type_is_an_invalid_request(
    client: httpx.AsyncClient, request_body: dict[str, Any]
) -> None:
    response = await client.post(TOKEN, **request_body)

    assert_refused(response, "invalid_request")


@pytest.mark.parametrize("query", [FORM, {"scope": "events:read"}, {"client_secret": SECRET}])
async def test_parameters_in_the_url_are_an_invalid_request(client: httpx.AsyncClient, query: dict[str, str]) -> None:
    response = await client.post(TOKEN, params=query, data=FORM)

    assert_refused(response, "invalid_request")


async def test_a_parameter_without_a_value_counts_as_left_out(client: httpx.AsyncClient) -> None:
    response = await client.post(TOKEN, data=FORM | {"scope": "", "refresh_token": ""})

    assert response.status_code == 200
