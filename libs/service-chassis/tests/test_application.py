import platform
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import httpx
import pytest
from fastapi import APIRouter, FastAPI, Request

from service_chassis.testing.clients import running_client
from service_chassis.testing.metrics import shown

NewApp = Callable[..., FastAPI]

ORIGIN = "https://app.example.com"

router = APIRouter(prefix="/things")


@router.get("/{thing_id}")
async def read_thing(thing_id: str) -> str:
    return thing_id


@router.get("/caller/address")
async def read_address(request: Request) -> str:
    return request.client.host if request.client else ""


def preflight(client: httpx.AsyncClient, *, origin: str, method: str = "PATCH") -> httpx.Request:
    headers = {
        "Origin": origin,
        "Access-Control-Request-Method": method,
        "Access-Control-Request-Headers": "Authorization, Content-Type, If-Match, Idempotency-Key",
    }
    return client.build_request("OPTIONS", "/api/v1/things/1", headers=headers)


async def test_the_lifespan_surrounds_the_requests(new_app: NewApp) -> None:
    events = []

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        events.append("started")
        yield
        events.append("stopped")

    async with running_client(new_app(router, lifespan=lifespan)) as client:
        await client.get("/api/v1/things/1")
        events.append("answered")

    assert events == ["started", "answered", "stopped"]


def test_an_application_tells_which_version_of_what_it_is(new_app: NewApp) -> None:
    new_app(version="1.2.3", revision="4711abc")

    labels = {"service": "trial-service", "version": "1.2.3", "revision": "4711abc"}
    [build] = shown("tandem_build_info", **labels, python_version=platform.python_version())
    assert build.value == 1


async def test_the_openapi_document_stands_under_the_api(new_app: NewApp) -> None:
    async with running_client(new_app(router, api_v1_str="/api/v2", version="1.2.3")) as client:
        answer = await client.get("/api/v2/trial/openapi.json")

    assert answer.json()["info"] == {"title": "trial-service", "version": "1.2.3"}


async def test_the_frameworks_own_pages_are_switched_off(new_app: NewApp) -> None:
    async with running_client(new_app(router)) as client:
        statuses = [(await client.get(path)).status_code for path in ("/docs", "/redoc", "/openapi.json")]

    assert statuses == [404, 404, 404]


def test_operations_are_named_after_their_functions(new_app: NewApp) -> None:
    document = new_app(router).openapi()

    assert document["paths"]["/api/v1/things/{thing_id}"]["get"]["operationId"] == "read_thing"


async def test_a_path_has_one_spelling(new_app: NewApp) -> None:
    async with running_client(new_app(router)) as client:
        answer = await client.get("/api/v1/things/1/")

    assert answer.status_code == 404


async def test_an_allowed_origin_may_ask_and_read(new_app: NewApp) -> None:
    async with running_client(new_app(router, cors_origins=(ORIGIN,))) as client:
        asked = await client.send(preflight(client, origin=ORIGIN))
        answer = await client.get("/api/v1/things/1", headers={"Origin": ORIGIN})

    assert asked.status_code == 200
    assert "PATCH" in asked.headers["Access-Control-Allow-Methods"]
    assert answer.headers["Access-Control-Allow-Origin"] == ORIGIN
    exposed = answer.headers["Access-Control-Expose-Headers"].split(", ")
    assert {"ETag", "RateLimit", "Retry-After"}.issubset(exposed)
    assert "Access-Control-Allow-Credentials" not in answer.headers


@pytest.mark.parametrize("origin", ["https://evil.example", f"{ORIGIN}.evil.example", "null", f"{ORIGIN}:8443"])
async def test_another_origin_may_neither_ask_nor_read(new_app: NewApp, origin: str) -> None:
    async with running_client(new_app(router, cors_origins=(ORIGIN,))) as client:
        asked = await client.send(preflight(client, origin=origin))
        answer = await client.get("/api/v1/things/1", headers={"Origin": origin})

    assert asked.status_code == 400
    assert "Access-Control-Allow-Origin" not in asked.headers
    assert "Access-Control-Allow-Origin" not in answer.headers


async def test_without_origins_no_browser_of_another_one_may_read(new_app: NewApp) -> None:
    async with running_client(new_app(router)) as client:
        asked = await client.send(preflight(client, origin=ORIGIN))
        answer = await client.get("/api/v1/things/1", headers={"Origin": ORIGIN})

    names = {name for name in (*asked.headers, *answer.headers) if name.startswith("access-control")}
    assert (asked.status_code, names) == (405, set())


@pytest.mark.parametrize(
    ("trusted", "forwarded", "address"),
    [
        pytest.param("127.0.0.0/8", "203.0.113.7", "203.0.113.7", id="of a trusted proxy"),
        pytest.param("127.0.0.1,10.0.0.0/8", "203.0.113.7, 10.1.2.3", "203.0.113.7", id="of a chain of them"),
        pytest.param("127.0.0.1", "1.1.1.1, 203.0.113.7", "203.0.113.7", id="which a client can't extend"),
        pytest.param("10.0.0.0/8", "203.0.113.7", "127.0.0.1", id="of anybody else"),
        pytest.param("", "203.0.113.7", "127.0.0.1", id="when nobody is trusted"),
    ],
)
async def test_only_trusted_proxies_say_where_a_request_comes_from(
    new_app: NewApp, trusted: str, forwarded: str, address: str
) -> None:
    async with running_client(new_app(router, trusted_proxies=trusted)) as client:
        answer = await client.get("/api/v1/things/caller/address", headers={"X-Forwarded-For": forwarded})

    assert answer.json() == address
