"""Calls to other services are part of the trace that they are made for, and tell it to whom they call."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import httpx
import pytest
from fastapi import APIRouter, FastAPI, Request

from local_stack.ports import free_port
from service_chassis.access_tokens.remote_keys import RemoteKeys
from service_chassis.testing.clients import running_client
from service_chassis.testing.collector import Collector
from service_chassis.testing.issuer import TokenIssuer
from service_chassis.testing.key_server import KeyServer
from service_chassis.testing.servers import LOOPBACK, serving
from service_chassis.tracing.client_requests import traced_stream
from service_chassis.tracing.client_spans import client_span

NewApp = Callable[..., FastAPI]
TracedClient = Callable[..., AbstractAsyncContextManager[httpx.AsyncClient]]

TRACE_ID = "0af7651916cd43dd8448eb211c80319c"
RECORDED = {"traceparent": f"00-{TRACE_ID}-b7ad6b7169203331-01"}
NOT_RECORDED = {"traceparent": f"00-{TRACE_ID}-b7ad6b7169203331-00"}
# By whom it is asked for, by whom it is made, and by whom it is answered.
CALL = ("GET /api/v1/calling/{port}", "GET /api/v1/called", "GET /api/v1/called")

called = APIRouter()
calling = APIRouter()


@called.get("/called")
async def read_called(request: Request) -> str | None:
    return request.headers.get("traceparent")


@calling.get("/calling/{port}")
async def read_calling(port: int, path: str = "/api/v1/called") -> str:
    try:
        return await call(port, path)
    except httpx.ConnectError:
        return ""


async def call(port: int, path: str = "/api/v1/called") -> str:
    url = f"http://canary:canary@{LOOPBACK}:{port}{path}"
    async with httpx.AsyncClient() as client, traced_stream(client, "GET", url=url, params={"q": "canary"}) as response:
        return (await response.aread()).decode()


@pytest.fixture
def called_port(new_app: NewApp, collector: Collector) -> Iterator[int]:
    """Give the port of another service that hands its spans over to the same collector."""
    app = new_app(
        called,
        project_name="called-service",
        otel_exporter_otlp_endpoint=collector.http_endpoint,
        otel_traces_sampler_arg=0,
    )
    with serving(app) as port:
        yield port


async def test_a_call_goes_on_in_the_service_that_is_called(
    traced_client: TracedClient, collector: Collector, called_port: int
) -> None:
    async with traced_client(calling) as client:
        await client.get(f"/api/v1/calling/{called_port}", headers=RECORDED)

    spans = {(span.service, span.kind): span for span in collector.trace(TRACE_ID, *CALL)}
    request, call = spans["trial-service", "SERVER"], spans["trial-service", "CLIENT"]
    called = spans["called-service", "SERVER"]
    assert (call.parent_id, called.parent_id) == (request.span_id, call.span_id)
    assert call.name == "GET /api/v1/called"
    assert call.attributes == {
        "http.request.method": "GET",
        "url.full": f"http://{LOOPBACK}:{called_port}/api/v1/called",
        "server.address": LOOPBACK,
        "server.port": called_port,
        "http.response.status_code": 200,
    }
    assert "canary" not in call.everything + called.everything


async def test_what_nobody_asked_for_is_a_trace_of_its_own(
    traced_client: TracedClient, collector: Collector, called_port: int
) -> None:
    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        task = asyncio.create_task(call(called_port))
        yield
        await task

    async with traced_client(calling, lifespan=lifespan):
        pass

    (began,) = (span for span in collector.spans if span.kind == "CLIENT")
    assert began.parent_id == ""
    assert [span.service for span in collector.trace(began.trace_id, *CALL[1:])] == ["trial-service", "called-service"]


async def test_fetching_keys_is_a_call(traced_client: TracedClient, collector: Collector, issuer: TokenIssuer) -> None:
    with KeyServer(issuer.key_set()) as server:

        @asynccontextmanager
        async def lifespan(_: FastAPI) -> AsyncIterator[None]:
            keys = RemoteKeys(f"{server.url}/keys.json")
            await keys.start()
            await keys.keys_for("unknown")
            yield
            await keys.close()

        async with traced_client(calling, lifespan=lifespan):
            pass

    assert {(span.name, span.failed) for span in collector.spans} == {("GET /keys.json", False)}


async def test_who_is_called_is_told_that_a_trace_is_not_recorded(
    traced_client: TracedClient, collector: Collector, called_port: int
) -> None:
    async with traced_client(calling) as client:
        answer = await client.get(f"/api/v1/calling/{called_port}", headers=NOT_RECORDED)

    assert answer.json().startswith(f'"00-{TRACE_ID}-')
    assert answer.json().endswith('-00"')
    assert collector.spans == []


async def test_who_is_called_is_told_the_id_that_the_lines_of_an_unrecorded_request_say(
    traced_client: TracedClient, collector: Collector, called_port: int, logged: Callable[[], list[dict[str, Any]]]
) -> None:
    async with traced_client(calling, otel_traces_sampler_arg=0) as client:
        logged()
        answer = await client.get(f"/api/v1/calling/{called_port}")

    assert {answer.json()[:36]} == {f'"00-{line["trace_id"]}' for line in logged() if "trace_id" in line}
    assert answer.json().endswith('-00"')
    assert collector.spans == []


async def test_who_is_called_is_told_that_id_too_where_nobody_traces(
    new_app: NewApp, called_port: int, logged: Callable[[], list[dict[str, Any]]]
) -> None:
    async with running_client(new_app(calling)) as client:
        answer = await client.get(f"/api/v1/calling/{called_port}")

    access = [line["trace_id"] for line in logged() if line["logger"] == "access"]
    assert {answer.json()[:36]} == {f'"00-{trace_id}' for trace_id in access}
    assert answer.json().endswith('-00"')


async def test_who_is_called_hears_of_no_trace_outside_of_requests_where_nobody_traces(called_port: int) -> None:
    assert await call(called_port) == "null"


@pytest.mark.parametrize("path", ["/nowhere", None])
async def test_a_call_that_fails_tells_its_kind_and_not_its_text(
    traced_client: TracedClient, collector: Collector, called_port: int, path: str | None
) -> None:
    async with traced_client(calling) as client:
        port = called_port if path else free_port()
        await client.get(f"/api/v1/calling/{port}", params={"path": path or "/"}, headers=RECORDED)

    call = next(span for span in collector.trace(TRACE_ID, CALL[0]) if span.kind == "CLIENT")

    assert call.failed
    assert call.attributes["error.type"] == ("404" if path else "ConnectError")
    assert "canary" not in call.everything


async def test_an_error_passes_through_the_span_of_other_work(
    traced_client: TracedClient, collector: Collector
) -> None:
    async with traced_client(calling):
        with pytest.raises(ValueError, match="canary"), client_span("send mail", {"server.address": "mail"}):
            raise ValueError("canary")

    (span,) = collector.spans

    assert (span.name, span.failed, span.attributes["error.type"]) == ("send mail", True, "ValueError")
    assert "canary" not in span.everything
