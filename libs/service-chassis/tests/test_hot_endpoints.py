"""What a hot endpoint does outside of the middlewares is what they do."""

import asyncio
import json
import socket
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractContextManager
from typing import Any

import httpx
import pytest
from fastapi import APIRouter, Request, Response

from service_chassis.access_tokens.authentication import TokenAuthenticator
from service_chassis.access_tokens.claims import AccessToken
from service_chassis.access_tokens.verification import TokenVerifier
from service_chassis.application import Application
from service_chassis.errors import DatabaseUnavailableError, InvalidTokenError, NotFoundError, ServiceError
from service_chassis.hot_endpoints import HotAnswer, HotEndpoint, HotRequest, install_hot_endpoints
from service_chassis.settings import ServiceSettings
from service_chassis.testing.clients import running_client
from service_chassis.testing.issuer import AUDIENCE, ISSUER, KeysOf, TokenIssuer
from service_chassis.testing.metrics import Rise, rise_of
from service_chassis.testing.servers import LOOPBACK, serving

ORIGIN = "https://app.example.com"
THING = "/api/v1/things/1"
PATIENCE_SECONDS = 5
HEADERS_OF_EVERY_ANSWER = {"cache-control", "content-security-policy", "x-content-type-options", "x-request-id"}

router = APIRouter()


class ThingNotFoundError(NotFoundError):
    code = "thing_not_found"
    detail = "There is no such thing."


@router.get("/things/{thing_id}")
async def read_thing(thing_id: str) -> dict[str, str]:
    return {"route": thing_id}


async def answer_by_id(request: HotRequest) -> HotAnswer | None:
    match request.path_values["thing_id"]:
        case "route":
            return None
        case "missing":
            raise ThingNotFoundError
        case "broken":
            raise ZeroDivisionError("a secret")
    return HotAnswer(b'{"hot":true}', [(b"etag", b'"1"')])


async def answer_anybody(request: HotRequest) -> HotAnswer | None:
    if request.body == b"missing":
        raise ThingNotFoundError
    return HotAnswer(request.address.encode() + b" says " + request.body, media_type=b"text/plain")


def tersely(request: Request, error: ServiceError) -> Response:
    return Response(f"{error.code} at {request.url.path}", error.status_code, media_type="text/x-error")


@pytest.fixture
async def client(
    new_app: Callable[..., Application], new_settings: Callable[..., ServiceSettings], issuer: TokenIssuer
) -> AsyncIterator[httpx.AsyncClient]:
    """Give a client whose token is remembered."""
    app, settings = new_app(router, cors_origins=(ORIGIN,)), new_settings(cors_origins=(ORIGIN,))
    verifier = TokenVerifier(issuer=ISSUER, audience=AUDIENCE)
    authenticator = TokenAuthenticator(verifier=verifier, keys=KeysOf(issuer))
    endpoints = [
        HotEndpoint("GET", "/api/v1/things/{thing_id}", scope="items:read", answer=answer_by_id),
        HotEndpoint("POST", "/api/v1/echoes", answer=answer_anybody, answer_error=tersely),
    ]
    install_hot_endpoints(app, endpoints, authenticator=authenticator, settings=settings)
    token = issuer.token()
    await authenticator.authenticate(token)
    async with running_client(app) as client:
        client.headers["Authorization"] = f"Bearer {token}"
        yield client


def requests_rise(status: int) -> AbstractContextManager[Rise]:
    return rise_of(
        "http_server_request_duration_seconds_count",
        http_request_method="GET",
        http_route="/api/v1/things/{thing_id}",
        http_response_status_code=str(status),
    )


async def test_an_answer_is_complete_and_counted_once(client: httpx.AsyncClient) -> None:
    with requests_rise(200) as requests:
        response = await client.get(THING, headers={"X-Request-ID": "a-client-s-own"})

    assert (response.json(), response.headers["ETag"]) == ({"hot": True}, '"1"')
    assert HEADERS_OF_EVERY_ANSWER.issubset(response.headers)
    assert response.headers["X-Request-ID"] == "a-client-s-own"
    assert requests.by == 1


async def test_what_it_declines_the_route_answers_and_is_counted_once(client: httpx.AsyncClient) -> None:
    with requests_rise(200) as requests:
        response = await client.get("/api/v1/things/route")

    assert response.json() == {"route": "route"}
    assert requests.by == 1


async def test_what_is_said_in_several_lines_the_route_judges(client: httpx.AsyncClient) -> None:
    response = await client.get(THING, headers=[("If-None-Match", '"1"'), ("If-None-Match", '"2"')])

    assert response.json() == {"route": "1"}


class Refusing:
    def __init__(self, refusal: ServiceError) -> None:
        self._refusal = refusal

    def denies(self, _: AccessToken) -> bool:
        raise self._refusal


@pytest.mark.parametrize("refusal", [InvalidTokenError(), DatabaseUnavailableError()])
async def test_a_remembered_token_that_is_refused_or_cannot_be_judged_now_is_left_to_the_route(
    new_app: Callable[..., Application],
    new_settings: Callable[..., ServiceSettings],
    issuer: TokenIssuer,
    refusal: ServiceError,
) -> None:
    app, verifier, keys = new_app(router), TokenVerifier(issuer=ISSUER, audience=AUDIENCE), KeysOf(issuer)
    authenticator = TokenAuthenticator(verifier=verifier, keys=keys, denylist=Refusing(refusal))
    endpoint = HotEndpoint("GET", "/api/v1/things/{thing_id}", scope="items:read", answer=answer_by_id)
    install_hot_endpoints(app, [endpoint], authenticator=authenticator, settings=new_settings())
    token = issuer.token()
    with pytest.raises(type(refusal)):
        await authenticator.authenticate(token)

    async with running_client(app) as client:
        response = await client.get(THING, headers={"Authorization": f"Bearer {token}"})

    assert response.json() == {"route": "1"}


async def test_an_expected_failure_is_a_problem(client: httpx.AsyncClient) -> None:
    with requests_rise(404) as requests:
        response = await client.get("/api/v1/things/missing")

    assert response.headers["Content-Type"] == "application/problem+json"
    assert response.json()["request_id"] == response.headers["X-Request-ID"]
    assert HEADERS_OF_EVERY_ANSWER.issubset(response.headers)
    assert requests.by == 1


async def test_an_unexpected_failure_is_logged_and_says_nothing(
    client: httpx.AsyncClient, logged: Callable[..., list[dict[str, Any]]]
) -> None:
    logged()
    response = await client.get("/api/v1/things/broken")

    assert response.status_code == 500
    assert response.json()["code"] == "internal_error"
    assert "secret" not in response.text
    [line] = [line for line in logged() if line["message"] == "unhandled error"]
    assert (line["request_id"], "ZeroDivisionError" in json.dumps(line)) == (response.headers["X-Request-ID"], True)


async def test_the_access_line_names_the_route_and_the_caller(
    client: httpx.AsyncClient, logged: Callable[..., list[dict[str, Any]]]
) -> None:
    logged()
    response = await client.get(THING)

    [line] = [line for line in logged() if line["logger"] == "access"]
    assert (line["route"], line["status"]) == ("/api/v1/things/{thing_id}", 200)
    assert line["request_id"] == response.headers["X-Request-ID"]
    assert "user_id" in line


@pytest.mark.parametrize(("origin", "allowed"), [(ORIGIN, ORIGIN), ("https://evil.example", None)])
async def test_an_allowed_origin_alone_may_read(client: httpx.AsyncClient, origin: str, allowed: str | None) -> None:
    response = await client.get(THING, headers={"Origin": origin})

    assert response.json() == {"hot": True}
    assert response.headers.get("Access-Control-Allow-Origin") == allowed
    assert response.headers["Vary"] == "Origin"


@pytest.mark.parametrize("path", [f"{THING}?x=%00", "/api/v1/things/a%2Fb"])
async def test_what_no_endpoint_could_mean_is_refused(client: httpx.AsyncClient, path: str) -> None:
    response = await client.get(path)

    assert (response.status_code, response.json()["code"]) == (400, "malformed_url")


@pytest.mark.parametrize("authorization", [None, "Bearer nonsense", "Basic YTpi"])
async def test_an_endpoint_without_a_scope_answers_anybody(
    client: httpx.AsyncClient, logged: Callable[..., list[dict[str, Any]]], authorization: str | None
) -> None:
    logged()
    del client.headers["Authorization"]
    headers = {} if authorization is None else {"Authorization": authorization}

    response = await client.post("/api/v1/echoes", headers=headers, content=b"hello")

    assert (response.text, response.headers["Content-Type"]) == ("127.0.0.1 says hello", "text/plain")
    [line] = [line for line in logged() if line["logger"] == "access"]
    assert (line["route"], line["status"], "user_id" in line) == ("/api/v1/echoes", 200, False)


async def test_an_endpoint_answers_failures_in_a_form_of_its_own(client: httpx.AsyncClient) -> None:
    response = await client.post("/api/v1/echoes", content=b"missing")

    assert (response.status_code, response.text) == (404, "thing_not_found at /api/v1/echoes")
    assert response.headers["Content-Type"].startswith("text/x-error")
    assert HEADERS_OF_EVERY_ANSWER.issubset(response.headers)


def test_a_client_that_hangs_up_ends_an_answer_that_may_wait(
    new_app: Callable[..., Application],
    new_settings: Callable[..., ServiceSettings],
    issuer: TokenIssuer,
    logged: Callable[..., list[dict[str, Any]]],
) -> None:
    started, cancelled = threading.Event(), threading.Event()

    async def wait(_: HotRequest) -> HotAnswer | None:
        started.set()
        try:
            return await asyncio.Future[HotAnswer]()
        finally:
            cancelled.set()

    app = new_app()
    authenticator = TokenAuthenticator(verifier=TokenVerifier(issuer=ISSUER, audience=AUDIENCE), keys=KeysOf(issuer))
    endpoint = HotEndpoint("POST", "/api/v1/waiting", answer=wait, may_wait=True)
    install_hot_endpoints(app, [endpoint], authenticator=authenticator, settings=new_settings())

    with serving(app) as port:
        with socket.create_connection((LOOPBACK, port)) as connection:
            connection.sendall(b"POST /api/v1/waiting HTTP/1.1\r\nHost: trial\r\nContent-Length: 2\r\n\r\n{}")
            assert started.wait(PATIENCE_SECONDS)

        assert cancelled.wait(PATIENCE_SECONDS)
    [line] = [line for line in logged() if line["logger"] == "access"]
    assert (line["route"], line["status"]) == ("/api/v1/waiting", 499)
