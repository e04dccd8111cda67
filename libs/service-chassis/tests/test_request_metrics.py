"""What is counted of requests, in the process that answers them."""

import asyncio
import random
from collections.abc import AsyncIterator, Callable

import httpx
import pytest
from fastapi import APIRouter, FastAPI
from opentelemetry import trace
from prometheus_client.openmetrics.exposition import generate_latest
from starlette.types import Message, Scope

from local_stack.polling import poll_until
from service_chassis.metrics import Exposition
from service_chassis.request_metrics import RequestMetricsMiddleware
from service_chassis.testing.clients import running_client
from service_chassis.testing.metrics import metric, rise_of, shown
from service_chassis.testing.servers import serving

NewApp = Callable[..., FastAPI]

COUNT = "http_server_request_duration_seconds_count"
ROUTE = "/api/v1/measured/{thing_id}"
TRACE_ID = "0af7651916cd43dd8448eb211c80319c"

router = APIRouter(prefix="/measured")


@router.get("/{thing_id}")
async def read_thing(thing_id: str) -> str:
    if thing_id == "broken":
        raise RuntimeError("a bug")
    return thing_id


@router.get("/slow/{seconds}")
async def read_slowly(seconds: float) -> float:
    await asyncio.sleep(seconds)
    return metric("http_server_active_requests")


@pytest.fixture
def app(new_app: NewApp) -> FastAPI:
    return new_app(router)


@pytest.fixture
async def client(app: FastAPI, logged: Callable[..., object]) -> AsyncIterator[httpx.AsyncClient]:
    logged()
    async with running_client(app) as client:
        yield client


def counted(*, method: str = "GET", route: str = ROUTE, status: int = 200) -> dict[str, str]:
    return {"http_request_method": method, "http_route": route, "http_response_status_code": str(status)}


async def test_a_request_is_counted_by_method_route_and_status(client: httpx.AsyncClient) -> None:
    with rise_of(COUNT) as all_requests, rise_of(COUNT, **counted()) as those:
        await client.get("/api/v1/measured/1")
        await client.get("/api/v1/measured/2?q=3")

    assert (all_requests.by, those.by) == (2, 2)


async def test_a_request_is_timed_until_its_answer_is_complete(client: httpx.AsyncClient) -> None:
    labels = counted(route="/api/v1/measured/slow/{seconds}")
    total, quick = "http_server_request_duration_seconds_sum", "http_server_request_duration_seconds_bucket"
    with rise_of(total, **labels) as seconds, rise_of(quick, le="0.05", **labels) as quick_ones:
        await client.get("/api/v1/measured/slow/0.06")

    assert seconds.by >= 0.06
    assert quick_ones.by == 0


@pytest.mark.parametrize(
    ("method", "path", "labels"),
    [
        pytest.param("GET", "/nowhere", counted(route="unmatched", status=404), id="a path without a route"),
        pytest.param("DELETE", "/api/v1/measured/1", counted(method="DELETE", status=405), id="another method"),
        pytest.param("BREW", "/api/v1/measured/1", counted(method="_OTHER", status=405), id="a method of its own"),
        pytest.param("GET", "/api/v1/measured/broken", counted(status=500), id="a bug"),
        pytest.param("GET", "/api%2fv1", counted(route="unmatched", status=400), id="what the input guard refuses"),
    ],
)
async def test_whatever_becomes_of_a_request_it_is_counted(
    client: httpx.AsyncClient, method: str, path: str, labels: dict[str, str]
) -> None:
    with rise_of(COUNT) as all_requests, rise_of(COUNT, **labels) as those:
        await client.request(method, path)

    assert (all_requests.by, those.by) == (1, 1)


async def test_a_request_whose_client_hung_up_is_no_failure_of_the_service(app: FastAPI) -> None:
    labels = counted(route="/api/v1/measured/slow/{seconds}", status=499)
    with rise_of(COUNT) as all_requests, rise_of(COUNT, **labels) as those, serving(app) as port:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET /api/v1/measured/slow/30 HTTP/1.1\r\nHost: x\r\n\r\n")
        await writer.drain()
        await poll_until(lambda: metric("http_server_active_requests") == 1, every_seconds=0.01)
        writer.close()
        await poll_until(lambda: metric("http_server_active_requests") == 0, every_seconds=0.01)

    assert (all_requests.by, those.by) == (1, 1)


async def test_requests_under_way_are_shown(client: httpx.AsyncClient) -> None:
    answers = await asyncio.gather(*(client.get("/api/v1/measured/slow/0.05") for _ in range(3)))

    assert [answer.json() for answer in answers] == [3, 2, 1]
    assert metric("http_server_active_requests") == 0


@pytest.mark.parametrize("path", ["/health", "/health/live", "/health/ready"])
async def test_probes_are_not_counted(client: httpx.AsyncClient, path: str) -> None:
    with rise_of(COUNT) as requests:
        await client.get(path)

    assert requests.by == 0


async def test_metrics_are_not_served_where_clients_are(client: httpx.AsyncClient) -> None:
    answer = await client.get("/metrics")

    assert answer.status_code == 404


async def test_ten_thousand_strangers_leave_the_number_of_series_as_it_was(app: FastAPI) -> None:
    chance = random.Random(4711)
    # What else a request passes costs most of the time, and knows nothing of metrics.
    measured = RequestMetricsMiddleware(app.router)

    async def nothing_more() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def read_nothing(_: Message) -> None:
        return None

    async def ask_as(stranger: str, *, below: str) -> None:
        headers = [(b"host", stranger.encode()), (b"user-agent", stranger.encode())]
        scope: Scope = {"type": "http", "method": stranger.upper(), "path": below + stranger, "headers": headers}
        scope.update({"query_string": stranger.encode(), "root_path": ""})
        await measured(scope, nothing_more, read_nothing)

    places = ["/", "/api/v1/measured/"]
    for place in places:
        await ask_as("first", below=place)
    before = len(shown(COUNT))
    with rise_of(COUNT) as requests:
        for number in range(10_000):
            await ask_as(f"{number}{chance.random()}", below=places[number % 2])

    assert requests.by == 10_000
    assert len(shown(COUNT)) == before


async def test_a_slow_bucket_points_to_a_trace_that_was_sampled(client: httpx.AsyncClient) -> None:
    context = trace.SpanContext(int(TRACE_ID, 16), span_id=1, is_remote=True, trace_flags=trace.TraceFlags(1))

    with trace.use_span(trace.NonRecordingSpan(context)):
        await client.get("/api/v1/measured/traced")

    lines = generate_latest(Exposition()).decode().splitlines()  # type: ignore[no-untyped-call]  # it has no types
    assert [line for line in lines if ROUTE in line and f'# {{trace_id="{TRACE_ID}"}}' in line]


async def test_a_trace_that_was_not_sampled_is_pointed_to_by_nothing(client: httpx.AsyncClient) -> None:
    context = trace.SpanContext(int(TRACE_ID[::-1], 16), span_id=1, is_remote=True)

    with trace.use_span(trace.NonRecordingSpan(context)):
        await client.get("/api/v1/measured/untraced")

    assert TRACE_ID[::-1] not in generate_latest(Exposition()).decode()  # type: ignore[no-untyped-call]  # as above
