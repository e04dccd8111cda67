"""Spans are posted again while a collector may take them later, and not for longer than they may take."""

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractAsyncContextManager

import httpx
import pytest
from fastapi import APIRouter
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SpanExportResult

from local_stack.ports import free_port
from service_chassis.testing.collector import Collector
from service_chassis.testing.servers import LOOPBACK
from service_chassis.tracing.http_exporter import HttpSpanExporter


@pytest.fixture
def exporter(collector: Collector) -> Iterator[HttpSpanExporter]:
    """Give an exporter that tries again soon."""
    url = f"{collector.http_endpoint}/v1/traces"
    exporter = HttpSpanExporter(url, headers={}, timeout_seconds=10, first_pause_seconds=0.01)
    yield exporter
    exporter.shutdown()


def ended_span() -> ReadableSpan:
    span = TracerProvider(shutdown_on_exit=False).get_tracer("trial").start_span("thing")
    span.end()
    assert isinstance(span, ReadableSpan)
    return span


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_a_collector_that_is_busy_gets_the_same_spans_again(
    exporter: HttpSpanExporter, collector: Collector, status: int
) -> None:
    collector.refusals += [status, status]

    assert exporter.export([ended_span()]) is SpanExportResult.SUCCESS
    assert [span.name for span in collector.spans] == ["thing"]
    assert len(collector.http_headers) == 3


@pytest.mark.parametrize("status", [302, 400, 401, 404, 500])
def test_spans_that_are_refused_for_good_are_sent_once(
    exporter: HttpSpanExporter, collector: Collector, status: int
) -> None:
    collector.refusals.append(status)

    assert exporter.export([ended_span()]) is SpanExportResult.FAILURE
    assert len(collector.http_headers) == 1


def test_a_collector_that_stays_away_is_given_up_in_time() -> None:
    url = f"http://{LOOPBACK}:{free_port()}/v1/traces"
    exporter = HttpSpanExporter(url, headers={}, timeout_seconds=0.2, first_pause_seconds=0.05)
    began = time.monotonic()

    assert exporter.export([ended_span()]) is SpanExportResult.FAILURE
    assert time.monotonic() - began < 2
    exporter.shutdown()


async def test_the_collector_is_told_what_the_settings_say(
    traced_client: Callable[..., AbstractAsyncContextManager[httpx.AsyncClient]], collector: Collector
) -> None:
    router = APIRouter()
    router.add_api_route("/thing", lambda: "thing")

    async with traced_client(router, otel_exporter_otlp_headers="Api-Key=a%20key, x-tenant = one") as client:
        await client.get("/api/v1/thing")

    assert collector.http_headers[0] | {"api-key": "a key", "x-tenant": "one"} == collector.http_headers[0]
    assert [span.name for span in collector.spans] == ["GET /api/v1/thing"]
