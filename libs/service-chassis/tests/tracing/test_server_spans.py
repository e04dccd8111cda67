"""What a request leaves in a trace: enough to understand it, and nothing that a caller wrote."""

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

import httpx
import pytest
import structlog
from fastapi import APIRouter, HTTPException

from service_chassis.application import Application
from service_chassis.testing.collector import Collector
from service_chassis.testing.servers import LOOPBACK, serving
from service_chassis.tracing.server_spans import TracingMiddleware

Logged = Callable[[], list[dict[str, Any]]]
NewApp = Callable[..., Application]
TracedClient = Callable[..., AbstractAsyncContextManager[httpx.AsyncClient]]

ID = "0198c0de-0000-7000-8000-000000000000"
TRACE_ID = "0af7651916cd43dd8448eb211c80319c"
SPAN_ID = "b7ad6b7169203331"
RECORDED = {"traceparent": f"00-{TRACE_ID}-{SPAN_ID}-01"}
NOT_RECORDED = {"traceparent": f"00-{TRACE_ID}-{SPAN_ID}-00"}

router = APIRouter(prefix="/things")


@router.get("/broken")
async def read_broken() -> str:
    raise RuntimeError("canary")


@router.get("/missing")
async def read_missing() -> str:
    raise HTTPException(404, "canary")


@router.get("/{thing_id}")
async def read_thing(thing_id: str) -> str:
    structlog.stdlib.get_logger("trial").info("reading")
    return thing_id


@pytest.mark.parametrize("protocol", ["grpc", "http/protobuf"])
async def test_a_request_is_one_span_with_the_stable_names(
    traced_client: TracedClient, collector: Collector, protocol: str
) -> None:
    endpoint = collector.grpc_endpoint if protocol == "grpc" else collector.http_endpoint
    options = {"otel_exporter_otlp_protocol": protocol, "otel_exporter_otlp_endpoint": endpoint}
    async with traced_client(router, **options) as client:
        await client.get(f"/api/v1/things/{ID}?q=canary", headers={"X-Request-ID": "request-1"})

    (span,) = collector.spans

    assert (span.name, span.kind, span.parent_id, span.failed) == ("GET /api/v1/things/{thing_id}", "SERVER", "", False)
    assert span.attributes == {
        "http.request.method": "GET",
        "http.route": "/api/v1/things/{thing_id}",
        "url.path": f"/api/v1/things/{ID}",
        "url.scheme": "http",
        "http.response.status_code": 200,
        "tandem.request_id": "request-1",
    }


async def test_a_span_says_which_process_of_which_service_it_is_from(
    traced_client: TracedClient, collector: Collector
) -> None:
    for _ in range(2):
        async with traced_client(router, version="1.2.3", environment="staging", secret_key=("x" * 32,)) as client:
            await client.get(f"/api/v1/things/{ID}")

    resources = [span.resource for span in collector.spans]

    assert len({resource.pop("service.instance.id") for resource in resources}) == 2
    assert resources[0].items() >= {
        ("service.name", "trial-service"),
        ("service.namespace", "tandem"),
        ("service.version", "1.2.3"),
        ("deployment.environment.name", "staging"),
    }


async def test_a_callers_trace_goes_on(traced_client: TracedClient, collector: Collector) -> None:
    async with traced_client(router, otel_traces_sampler_arg=0) as client:
        await client.get(f"/api/v1/things/{ID}", headers=RECORDED)

    (span,) = collector.spans

    assert (span.trace_id, span.parent_id) == (TRACE_ID, SPAN_ID)


async def test_a_trace_that_its_caller_does_not_record_keeps_its_id(
    traced_client: TracedClient, collector: Collector
) -> None:
    async with traced_client(router) as client:
        answer = await client.get("/nowhere", headers=NOT_RECORDED)

    assert answer.json()["trace_id"] == TRACE_ID
    assert collector.spans == []


async def test_the_ratio_decides_for_traces_that_begin_here(traced_client: TracedClient, collector: Collector) -> None:
    async with traced_client(router, otel_traces_sampler_arg=0.5) as client:
        for _ in range(100):
            await client.get(f"/api/v1/things/{ID}")

    # Fewer or more happen once in a million runs.
    assert 25 <= len(collector.spans) <= 75


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param([(b"traceparent", b"00-canary-01")], id="malformed"),
        pytest.param([(b"traceparent", f"00-{'0' * 32}-{SPAN_ID}-01".encode())], id="all zeros"),
        pytest.param([(b"traceparent", f"00-{TRACE_ID}-{SPAN_ID}-01".encode() + b"\xff")], id="no text"),
    ],
)
async def test_what_is_no_trace_begins_a_new_one(
    traced_client: TracedClient, collector: Collector, headers: list[tuple[bytes, bytes]]
) -> None:
    async with traced_client(router) as client:
        await client.get(f"/api/v1/things/{ID}", headers=headers)

    (span,) = collector.spans

    assert span.parent_id == ""
    assert span.trace_id not in {TRACE_ID, "0" * 32}


@pytest.mark.parametrize("path", ["/health", "/health/live", "/health/ready"])
async def test_a_probe_is_not_traced(traced_client: TracedClient, collector: Collector, path: str) -> None:
    async with traced_client(router) as client:
        await client.get(path, headers=RECORDED)

    assert collector.spans == []


async def test_nothing_that_a_caller_writes_is_in_a_span(traced_client: TracedClient, collector: Collector) -> None:
    headers = {
        "Authorization": "Bearer canary",
        "User-Agent": "canary",
        "Host": "canary",
        "Referer": "https://canary",
        "X-Forwarded-For": "canary",
        "X-Request-ID": "canary",
        "baggage": "canary=canary",
    }
    async with traced_client(router) as client:
        for path in ("/api/v1/things/canary", "/canary", "/api/v1/things/missing?canary=canary"):
            await client.get(path, headers=headers)
        await client.request("CANARY", f"/api/v1/things/{ID}", headers=headers)

    assert [span.name for span in collector.spans] == [
        "GET /api/v1/things/{thing_id}",
        "GET",
        "GET /api/v1/things/missing",
        "HTTP /api/v1/things/{thing_id}",
    ]
    assert "canary" not in "".join(span.everything for span in collector.spans).lower()


async def test_an_error_of_ours_names_its_kind_and_not_its_text(
    traced_client: TracedClient, collector: Collector, logged: Logged
) -> None:
    async with traced_client(router) as client:
        await client.get("/api/v1/things/broken")
        await client.get("/api/v1/things/missing")

    broken, missing = collector.spans
    errors = [line for line in logged() if line["level"] == "error"]

    assert (broken.failed, broken.attributes["error.type"]) == (True, "RuntimeError")
    assert (missing.failed, missing.attributes["http.response.status_code"]) == (False, 404)
    assert "canary" not in broken.everything + missing.everything
    assert [(line["trace_id"], line["span_id"]) for line in errors] == [(broken.trace_id, broken.span_id)]


async def test_one_request_id_leads_from_the_answer_to_problem_log_and_trace(
    traced_client: TracedClient, collector: Collector, logged: Logged
) -> None:
    async with traced_client(router) as client:
        answer = await client.get("/nowhere", headers={"X-Request-ID": "not well-formed"})

    request_id = answer.headers["X-Request-ID"]
    (span,) = collector.spans
    (line,) = (line for line in logged() if line["logger"] == "access")
    assert request_id != "not well-formed"
    assert answer.json()["request_id"] == line["request_id"] == span.attributes["tandem.request_id"] == request_id
    assert answer.json()["trace_id"] == line["trace_id"] == span.trace_id
    assert line["span_id"] == span.span_id


async def test_only_lines_of_a_recorded_trace_name_a_span(traced_client: TracedClient, logged: Logged) -> None:
    async with traced_client(router) as client:
        await client.get(f"/api/v1/things/{ID}", headers=RECORDED)
        await client.get(f"/api/v1/things/{ID}", headers=NOT_RECORDED)

    lines = [line for line in logged() if line["logger"] in {"trial", "access"}]

    assert [line["trace_id"] for line in lines] == [TRACE_ID] * 4
    assert ["span_id" in line for line in lines] == [True, True, False, False]


@pytest.mark.parametrize("headers", [RECORDED, NOT_RECORDED])
async def test_a_request_sent_ahead_of_an_answer_is_not_of_the_trace_of_the_one_before(
    new_app: NewApp, collector: Collector, logged: Logged, headers: dict[str, str]
) -> None:
    app = new_app(router, otel_exporter_otlp_endpoint=collector.http_endpoint, otel_traces_sampler_arg=0)
    with serving(app) as port:
        reader, writer = await asyncio.open_connection(LOOPBACK, port)
        for sent in (headers, {"Connection": "close"}):
            lines = [f"GET /api/v1/things/{ID} HTTP/1.1", "Host: trial", *(f"{name}: {sent[name]}" for name in sent)]
            writer.write("\r\n".join([*lines, "", ""]).encode())
        answers = await reader.read()
        writer.close()

    first, second = (line for line in logged() if line["logger"] == "access")
    assert answers.count(b"200 OK") == 2
    assert first["trace_id"] == TRACE_ID
    assert second["trace_id"] != TRACE_ID
    assert "span_id" not in second


def test_nothing_is_traced_until_a_collector_is_named(new_app: NewApp) -> None:
    app = new_app(router)

    layers: list[object] = [layer.cls for layer in app.outer_layers]
    assert TracingMiddleware not in layers
