import asyncio
import re
from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx
import pytest
import structlog
from fastapi import APIRouter, FastAPI
from opentelemetry import trace
from starlette.types import Message, Receive, Scope, Send

from service_chassis.access_log import AccessLog
from service_chassis.request_context import RequestContextMiddleware
from service_chassis.settings import ServiceSettings
from service_chassis.testing.clients import running_client

Logged = Callable[[], list[dict[str, Any]]]
NewApp = Callable[..., FastAPI]
NewSettings = Callable[..., ServiceSettings]

UUID7 = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
TRACE_ID = "0af7651916cd43dd8448eb211c80319c"

router = APIRouter(prefix="/things")


@router.get("/{thing_id}")
async def read_thing(thing_id: str) -> dict[str, str]:
    structlog.stdlib.get_logger("trial").info("reading")
    return {"id": thing_id}


@pytest.fixture
async def client(new_app: NewApp, logged: Logged) -> AsyncIterator[httpx.AsyncClient]:
    async with running_client(new_app(router)) as client:
        logged()
        yield client


@pytest.mark.parametrize("request_id", ["12345678", "a" * 64, "01a2077c-5a4b-759e-985c-59120ba7daab", "A.b_c-1234"])
async def test_a_well_formed_request_id_is_kept(client: httpx.AsyncClient, request_id: str) -> None:
    answer = await client.get("/api/v1/things/1", headers={"X-Request-ID": request_id})

    assert answer.headers.get_list("X-Request-ID") == [request_id]


@pytest.mark.parametrize(
    "request_id", ["", "1234567", "a" * 65, "with space", "line\tbreak", 'quo"ted{}', "ümläut-ümläut"]
)
async def test_any_other_request_id_is_replaced(client: httpx.AsyncClient, request_id: str) -> None:
    answer = await client.get("/api/v1/things/1", headers=[(b"X-Request-ID", request_id.encode())])

    assert UUID7.fullmatch(answer.headers["X-Request-ID"])


async def test_a_repeated_request_id_is_replaced(client: httpx.AsyncClient) -> None:
    answer = await client.get("/api/v1/things/1", headers=[("X-Request-ID", "first-id"), ("X-Request-ID", "other-id")])

    assert UUID7.fullmatch(answer.headers["X-Request-ID"])


async def test_a_request_without_an_id_gets_one_of_its_own(client: httpx.AsyncClient) -> None:
    answers = [await client.get("/api/v1/things/1") for _ in range(2)]

    first, second = (answer.headers["X-Request-ID"] for answer in answers)
    assert first != second


async def test_every_line_of_a_request_carries_its_ids(client: httpx.AsyncClient, logged: Logged) -> None:
    await client.get("/api/v1/things/1", headers={"X-Request-ID": "request-1"})

    lines = logged()

    assert [(line["message"], line["request_id"]) for line in lines] == [
        ("reading", "request-1"),
        ("request", "request-1"),
    ]
    assert len({line["trace_id"] for line in lines}) == 1


async def test_requests_at_the_same_time_keep_their_ids_apart(client: httpx.AsyncClient, logged: Logged) -> None:
    ids = [f"request-{number}" for number in range(10)]

    await asyncio.gather(*(client.get("/api/v1/things/1", headers={"X-Request-ID": id_}) for id_ in ids))

    assert sorted(line["request_id"] for line in logged()) == sorted(2 * ids)


async def test_a_problem_and_its_log_line_share_a_trace_id(client: httpx.AsyncClient, logged: Logged) -> None:
    answer = await client.get("/nowhere")

    (line,) = logged()

    assert answer.json()["trace_id"] == line["trace_id"]
    assert re.fullmatch(r"[0-9a-f]{32}", line["trace_id"])


async def test_the_access_line_names_the_route_and_no_data(client: httpx.AsyncClient, logged: Logged) -> None:
    await client.get("/api/v1/things/hidden?q=hidden")

    line = logged()[-1]

    duration_seconds = line.pop("duration_seconds")
    assert 0 < duration_seconds < 5
    assert "hidden" not in str(line)
    assert line["logger"] == "access"
    assert (line["method"], line["route"], line["status"]) == ("GET", "/api/v1/things/{thing_id}", 200)


async def test_the_access_line_of_an_unknown_path_has_no_route(client: httpx.AsyncClient, logged: Logged) -> None:
    await client.get("/hidden")

    (line,) = logged()

    assert (line["route"], line["status"]) == (None, 404)


@pytest.mark.parametrize("path", ["/health", "/health/live", "/health/ready"])
async def test_probes_write_no_access_line(client: httpx.AsyncClient, logged: Logged, path: str) -> None:
    await client.get(path)

    assert logged() == []


async def test_a_path_that_only_begins_like_a_probe_is_logged(client: httpx.AsyncClient, logged: Logged) -> None:
    await client.get("/healthy")

    assert len(logged()) == 1


async def test_the_id_of_the_current_trace_is_used(client: httpx.AsyncClient) -> None:
    context = trace.SpanContext(int(TRACE_ID, 16), span_id=1, is_remote=True)

    with trace.use_span(trace.NonRecordingSpan(context)):
        answer = await client.get("/nowhere")

    assert answer.json()["trace_id"] == TRACE_ID


async def test_a_request_that_was_never_answered_counts_as_given_up(logged: Logged, new_settings: NewSettings) -> None:
    async def hang_up(_scope: Scope, _receive: Receive, _send: Send) -> None:
        raise asyncio.CancelledError

    async def receive() -> Message:
        return {"type": "http.disconnect"}

    async def send(_message: Message) -> None:
        return

    scope = {"type": "http", "method": "GET", "path": "/", "headers": []}
    with pytest.raises(asyncio.CancelledError):
        await RequestContextMiddleware(hang_up, access_log=AccessLog(new_settings()))(scope, receive, send)

    assert [line["status"] for line in logged()] == [499]
