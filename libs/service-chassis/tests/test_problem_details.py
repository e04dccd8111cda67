import http.client
from collections.abc import AsyncIterator, Callable
from contextlib import closing
from typing import Any

import httpx
import pytest
from fastapi import APIRouter, FastAPI, HTTPException
from fastapi.responses import StreamingResponse
from pydantic import SecretStr

from service_chassis.errors import ConflictError, NotFoundError, UnavailableError
from service_chassis.problem_details import documented_problems
from service_chassis.strict_json import StrictModel, StrictRoute
from service_chassis.testing.clients import running_client
from service_chassis.testing.servers import LOOPBACK, serving

Logged = Callable[[], list[dict[str, Any]]]
NewApp = Callable[..., FastAPI]

ORIGIN = "https://app.example.com"

router = APIRouter(prefix="/things", route_class=StrictRoute)


class ThingTakenError(ConflictError):
    code = "thing_taken"
    detail = "The thing is taken."


class ThingBusyError(UnavailableError):
    code = "thing_busy"
    detail = "The thing is busy."


class ThingNotFoundError(NotFoundError):
    code = "thing_not_found"
    detail = "There is no such thing."


class Account(StrictModel):
    age: int
    password: SecretStr


@router.get("/taken")
async def take() -> None:
    raise ThingTakenError


@router.get("/busy")
async def wait() -> None:
    raise ThingBusyError


@router.get("/teapot")
async def brew() -> None:
    raise HTTPException(418)


@router.get("/broken")
async def break_down() -> None:
    raise RuntimeError("hidden")


@router.get("/broken-halfway")
async def break_down_halfway() -> StreamingResponse:
    async def halves() -> AsyncIterator[bytes]:
        yield b"first half"
        raise RuntimeError("hidden")

    return StreamingResponse(halves())


@router.post("/accounts")
async def register(account: Account) -> None:
    assert account.age


@router.get("/{number}")
async def read(number: int) -> int:
    return number


@pytest.fixture
def app(new_app: NewApp, logged: Logged) -> FastAPI:
    assert not logged()
    return new_app(router, cors_origins=(ORIGIN,))


@pytest.fixture
async def client(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    async with running_client(app) as client:
        yield client


def is_problem(answer: httpx.Response) -> bool:
    problem = answer.json()
    return (
        answer.headers["Content-Type"] == "application/problem+json"
        and problem["status"] == answer.status_code
        and problem["instance"] == answer.url.path
        and all(problem[name] for name in ("type", "title", "detail", "code", "trace_id"))
    )


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/api/v1/things/taken", 409, "thing_taken"),
        ("GET", "/api/v1/things/busy", 503, "thing_busy"),
        ("GET", "/api/v1/things/teapot", 418, "i_m_a_teapot"),
        ("GET", "/api/v1/things/broken", 500, "internal_error"),
        ("GET", "/nowhere", 404, "not_found"),
        ("GET", "/api/v1/things/1/", 404, "not_found"),
        ("GET", "/api/v1/things/word", 422, "invalid_request"),
        ("PUT", "/api/v1/things/1", 405, "method_not_allowed"),
        ("OPTIONS", "/api/v1/things/1", 405, "method_not_allowed"),
    ],
)
async def test_every_failure_is_a_problem_with_a_stable_code(
    client: httpx.AsyncClient, method: str, path: str, status: int, code: str
) -> None:
    answer = await client.request(method, path)

    assert is_problem(answer)
    assert (answer.status_code, answer.json()["code"]) == (status, code)


@pytest.mark.parametrize(
    ("content", "status", "code"),
    [
        (b"{", 400, "bad_request"),
        (b"{}", 422, "invalid_request"),
        (b" " * 65537, 413, "content_too_large"),
    ],
)
async def test_every_refused_body_is_a_problem(
    client: httpx.AsyncClient, content: bytes, status: int, code: str
) -> None:
    answer = await client.post("/api/v1/things/accounts", content=content, headers={"Content-Type": "application/json"})

    assert is_problem(answer)
    assert (answer.status_code, answer.json()["code"]) == (status, code)


async def test_a_service_error_keeps_its_headers(client: httpx.AsyncClient) -> None:
    answer = await client.get("/api/v1/things/busy")

    assert answer.headers["Retry-After"] == "1"


async def test_a_refused_method_names_the_allowed_one(client: httpx.AsyncClient) -> None:
    answer = await client.delete("/api/v1/things/accounts")

    assert answer.headers["Allow"] == "POST"


async def test_invalid_input_is_pointed_at_and_not_repeated(client: httpx.AsyncClient) -> None:
    body = {"age": "hidden", "password": ["hidden"], "is_superuser/~": "hidden"}

    answer = await client.post("/api/v1/things/accounts", json=body)

    assert "hidden" not in answer.text
    assert [(field["location"], field["pointer"]) for field in answer.json()["errors"]] == [
        ("body", "/age"),
        ("body", "/password"),
        ("body", "/is_superuser~1~0"),
    ]


async def test_a_body_full_of_mistakes_gets_a_short_answer(client: httpx.AsyncClient) -> None:
    body = {f"unknown{number}": number for number in range(2000)}

    answer = await client.post("/api/v1/things/accounts", json=body)

    assert len(answer.json()["errors"]) == 50


async def test_an_unexpected_failure_says_nothing_about_the_inside(client: httpx.AsyncClient) -> None:
    answer = await client.get("/api/v1/things/broken")

    assert "hidden" not in answer.text
    assert "RuntimeError" not in answer.text


async def test_an_unexpected_failure_is_logged_with_its_traceback(client: httpx.AsyncClient, logged: Logged) -> None:
    answer = await client.get("/api/v1/things/broken")

    failure, access = logged()
    assert failure["level"] == "error"
    assert "RuntimeError: hidden" in failure["exception"]
    assert failure["trace_id"] == answer.json()["trace_id"]
    assert access["status"] == 500


@pytest.mark.parametrize("path", ["/api/v1/things/broken", "/api/v1/things/taken", "/nowhere"])
async def test_a_browser_of_an_allowed_origin_can_read_every_failure(client: httpx.AsyncClient, path: str) -> None:
    allowed = await client.get(path, headers={"Origin": ORIGIN})
    foreign = await client.get(path, headers={"Origin": "https://evil.example"})

    assert allowed.headers["Access-Control-Allow-Origin"] == ORIGIN
    assert "Access-Control-Allow-Origin" not in foreign.headers


def test_a_connection_survives_failures_of_every_kind(app: FastAPI) -> None:
    with serving(app) as port, closing(http.client.HTTPConnection(LOOPBACK, port, timeout=5)) as connection:
        connection.connect()
        first_socket = connection.sock

        statuses = []
        for method, path in [("GET", "broken"), ("HEAD", "1"), ("OPTIONS", "1"), ("GET", "taken"), ("GET", "1")]:
            connection.request(method, f"/api/v1/things/{path}")
            answer = connection.getresponse()
            answer.read()
            statuses.append(answer.status)

        assert statuses == [500, 405, 405, 409, 200]
        assert connection.sock is first_socket


def test_an_answer_that_breaks_off_is_no_complete_answer(app: FastAPI, logged: Logged) -> None:
    with serving(app) as port, closing(http.client.HTTPConnection(LOOPBACK, port, timeout=5)) as connection:
        connection.request("GET", "/api/v1/things/broken-halfway")
        answer = connection.getresponse()

        with pytest.raises(http.client.IncompleteRead):
            answer.read()

    assert any("RuntimeError: hidden" in line.get("exception", "") for line in logged())


def test_documented_problems_are_grouped_by_status() -> None:
    class ThingGoneError(ThingNotFoundError):
        code = "thing_gone"
        detail = "There was such a thing."

    documented = documented_problems(ThingNotFoundError, ThingGoneError, ThingBusyError)

    assert {status: entry["description"] for status, entry in documented.items()} == {
        404: "- `thing_not_found`: There is no such thing.\n- `thing_gone`: There was such a thing.\n",
        503: "- `thing_busy`: The thing is busy.\n",
    }
