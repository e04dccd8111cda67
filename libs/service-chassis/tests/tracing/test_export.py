"""A collector that is away, silent or slow costs a request nothing, and the end of a process little."""

import asyncio
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager
from functools import partial

import httpx
import pytest
from fastapi import APIRouter
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import INVALID_SPAN_CONTEXT, SpanKind
from prometheus_client import REGISTRY
from typing_extensions import override

from local_stack.ports import free_port
from service_chassis.testing.collector import Collector
from service_chassis.testing.servers import LOOPBACK
from service_chassis.tracing.current import Tracing
from service_chassis.tracing.export import TRIAL_SPANS, SpanExport

TracedClient = Callable[..., AbstractAsyncContextManager[httpx.AsyncClient]]

SHUTDOWN_SECONDS = 2.0
# Somebody else may need the machine for a while.
TRIES = 3
PROTOCOLS = ("grpc", "http/protobuf")

router = APIRouter()


@router.get("/thing")
async def read_thing() -> str:
    return "thing"


@pytest.fixture
def silent_endpoint() -> Iterator[str]:
    """Give an address that accepts connections and never says anything."""
    with socket.create_server((LOOPBACK, 0)) as listener:
        yield f"http://{LOOPBACK}:{listener.getsockname()[1]}"


def dropped() -> float:
    return REGISTRY.get_sample_value("tandem_spans_dropped_total") or 0


def exports(outcome: str) -> float:
    return REGISTRY.get_sample_value("tandem_span_exports_total", {"outcome": outcome}) or 0


async def seconds_to_end(traced_client: TracedClient, *, endpoint: str, protocol: str) -> float:
    options = {"otel_exporter_otlp_endpoint": endpoint, "otel_exporter_otlp_protocol": protocol}
    async with traced_client(router, **options) as client:
        for _ in range(10):
            assert (await client.get("/api/v1/thing")).status_code == 200
        # An export is under way by then.
        await asyncio.sleep(1.2)
        began = time.monotonic()
    return time.monotonic() - began


async def test_no_collector_delays_the_end_for_long(traced_client: TracedClient, silent_endpoint: str) -> None:
    away = f"http://{LOOPBACK}:{free_port()}"
    dropped_before, seconds = dropped(), [SHUTDOWN_SECONDS]
    for _ in range(TRIES):
        ends = [
            seconds_to_end(traced_client, endpoint=endpoint, protocol=protocol)
            for endpoint in (away, silent_endpoint)
            for protocol in PROTOCOLS
        ]
        # Each in a task of its own, as each would be in a process of its own.
        seconds = await asyncio.gather(*map(asyncio.create_task, ends))
        if max(seconds) < SHUTDOWN_SECONDS:
            break

    assert max(seconds) < SHUTDOWN_SECONDS
    assert dropped() - dropped_before >= 30


class FailingFirst(SpanExporter):
    """Takes everything but what it is given first, and knows when it was given what."""

    def __init__(self) -> None:
        self.exports: list[tuple[float, list[str]]] = []

    @override
    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        self.exports.append((time.monotonic(), [span.name for span in spans]))
        return SpanExportResult.SUCCESS if self.exports[1:] else SpanExportResult.FAILURE


def test_after_a_failure_spans_wait_for_a_while_before_the_next_attempt() -> None:
    exporter = FailingFirst()
    export = SpanExport(lambda: exporter, spans_per_export=2, rest_seconds=0.1)
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(export)
    tracer = provider.get_tracer("trial")

    for number in range(6):
        tracer.start_span(str(number)).end()
    export.start()
    while len(exporter.exports) < 3:
        time.sleep(0.01)
    export.close()

    (first, _), (second, _), _ = exporter.exports
    assert second - first >= 0.1
    assert [names for _, names in exporter.exports] == [["0", "1"], ["2", "3"], ["4", "5"]]


def test_while_nobody_takes_spans_a_few_are_kept_for_the_next_attempt() -> None:
    exporter = FailingFirst()
    export = SpanExport(lambda: exporter)
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(export)
    tracer = provider.get_tracer("trial")
    dropped_before, failed_before = dropped(), exports("failed")

    tracer.start_span("first").end()
    export.start()
    while dropped() == dropped_before:
        time.sleep(0.01)
    for number in range(TRIAL_SPANS + 8):
        tracer.start_span(str(number)).end()
    export.close()

    assert [names for _, names in exporter.exports] == [["first"], [str(number) for number in range(TRIAL_SPANS)]]
    assert (dropped() - dropped_before, exports("failed") - failed_before) == (1 + 8, 1)


def test_no_trace_begins_while_there_is_no_room_for_its_spans() -> None:
    export = SpanExport(InMemorySpanExporter, maximum_waiting_spans=2)
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(export)
    tracing = Tracing(provider.get_tracer("trial"), sample_ratio=1, admits_trace=export.admits_trace)
    dropped_before = dropped()

    began = []
    for _ in range(4):
        began.append(tracing.records(INVALID_SPAN_CONTEXT, is_drawn=True))
        if began[-1]:
            tracing.record_span("trial", kind=SpanKind.SERVER, parent=INVALID_SPAN_CONTEXT).end()

    assert began == [True, True, False, False]
    assert dropped() == dropped_before + 2


async def test_requests_are_answered_while_the_collector_is_silent(
    traced_client: TracedClient, collector: Collector
) -> None:
    collector.may_answer.clear()
    async with traced_client(router) as client:
        await client.get("/api/v1/thing")
        await asyncio.to_thread(collector.wait_for_export)
        for _ in range(50):
            assert (await client.get("/api/v1/thing")).status_code == 200
        assert collector.spans == []
        collector.may_answer.set()

    assert len(collector.spans) == 51


def test_spans_that_a_silent_collector_leaves_no_room_for_are_dropped_and_counted(collector: Collector) -> None:
    collector.may_answer.clear()
    dropped_before, exports_before = dropped(), exports("succeeded")
    new_exporter = partial(OTLPSpanExporter, endpoint=collector.grpc_endpoint)
    export = SpanExport(new_exporter, maximum_waiting_spans=20, spans_per_export=5)
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(export)
    tracer = provider.get_tracer("trial")

    for number in range(5):
        tracer.start_span(str(number)).end()
    export.start()
    collector.wait_for_export()
    for number in range(5, 35):
        tracer.start_span(str(number)).end()
    collector.may_answer.set()
    export.close()

    # Those of the export under way, and those that waited.
    assert [span.name for span in collector.spans] == [str(number) for number in range(25)]
    assert (dropped() - dropped_before, exports("succeeded") - exports_before) == (10, 5)
