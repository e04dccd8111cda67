"""A collector on real sockets that keeps the spans it gets, over gRPC and over HTTP."""

from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Condition, Event, Thread
from typing import Any

import grpc
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2_grpc import (
    TraceServiceServicer,
    add_TraceServiceServicer_to_server,
)
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span as SentSpan

from service_chassis.testing.servers import LOOPBACK

_PATIENCE_SECONDS = 20


@dataclass(frozen=True, kw_only=True)
class CollectedSpan:
    """A span as it was sent."""

    name: str
    kind: str
    trace_id: str
    span_id: str
    parent_id: str
    failed: bool
    attributes: dict[str, Any]
    resource: dict[str, Any] = field(repr=False)
    everything: str = field(repr=False)
    """All that was sent of it, as text to search in."""

    @property
    def service(self) -> str:
        """The service whose span it is."""
        return str(self.resource["service.name"])


class Collector(TraceServiceServicer):
    """What was collected, in the order of arrival; it answers nobody while `may_answer` is cleared."""

    def __init__(self) -> None:
        self.may_answer = Event()
        self.may_answer.set()
        self._exports_begun = 0
        self.grpc_endpoint = self.http_endpoint = ""
        self.refusals: list[int] = []
        """The statuses of the next answers over HTTP; with none of these it takes spans."""
        self.http_headers: list[dict[str, str]] = []
        self._spans: list[CollectedSpan] = []
        self._arrived = Condition()

    @property
    def spans(self) -> list[CollectedSpan]:
        """Everything collected so far."""
        return [*self._spans]

    def forget(self) -> None:
        """Begin anew."""
        self._spans.clear()
        self.refusals.clear()
        self.http_headers.clear()
        self._exports_begun = 0

    def wait_for_export(self) -> None:
        """Wait until somebody has begun to export."""
        with self._arrived:
            if not self._arrived.wait_for(lambda: self._exports_begun, _PATIENCE_SECONDS):
                raise TimeoutError("nobody exports")

    def trace(self, trace_id: str, *names: str) -> list[CollectedSpan]:
        """Wait until a trace has spans of these names, and return all it has in the order of their arrival."""

        def spans() -> list[CollectedSpan]:
            return [span for span in self._spans if span.trace_id == trace_id]

        def is_complete() -> bool:
            return Counter(span.name for span in spans()) >= Counter(names)

        with self._arrived:
            if not self._arrived.wait_for(is_complete, _PATIENCE_SECONDS):
                raise TimeoutError(f"only {spans()}")
        return spans()

    def Export(  # noqa: N802  # gRPC's
        self, request: ExportTraceServiceRequest, context: grpc.ServicerContext | None
    ) -> ExportTraceServiceResponse:
        """Take spans."""
        del context
        with self._arrived:
            self._exports_begun += 1
            self._arrived.notify_all()
        self.may_answer.wait(_PATIENCE_SECONDS)
        with self._arrived:
            self._spans += _spans_of(request)
            self._arrived.notify_all()
        return ExportTraceServiceResponse()


@contextmanager
def collecting() -> Iterator[Collector]:
    """Listen for both protocols until the block ends."""
    collector = Collector()
    grpc_server = grpc.server(ThreadPoolExecutor(4))
    add_TraceServiceServicer_to_server(collector, grpc_server)  # type: ignore[no-untyped-call]  # generated without types
    collector.grpc_endpoint = f"http://{LOOPBACK}:{grpc_server.add_insecure_port(f'{LOOPBACK}:0')}"
    grpc_server.start()
    http_server = ThreadingHTTPServer((LOOPBACK, 0), _handler(collector))
    collector.http_endpoint = f"http://{LOOPBACK}:{http_server.server_port}"
    thread = Thread(target=http_server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield collector
    finally:
        collector.may_answer.set()
        grpc_server.stop(None).wait()
        http_server.shutdown()
        thread.join()
        http_server.server_close()


def _handler(collector: Collector) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            collector.http_headers.append({name.lower(): value for name, value in self.headers.items()})
            status = collector.refusals.pop(0) if collector.refusals else 200 if self.path == "/v1/traces" else 404
            if status == HTTPStatus.OK:
                collector.Export(ExportTraceServiceRequest.FromString(body), None)
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Keep the test's output clean."""

    return Handler


def _spans_of(request: ExportTraceServiceRequest) -> Iterator[CollectedSpan]:
    for resource_spans in request.resource_spans:
        resource = _attributes(resource_spans.resource.attributes)
        for scope_spans in resource_spans.scope_spans:
            for span in scope_spans.spans:
                yield CollectedSpan(
                    name=span.name,
                    kind=SentSpan.SpanKind.Name(span.kind).removeprefix("SPAN_KIND_"),
                    trace_id=span.trace_id.hex(),
                    span_id=span.span_id.hex(),
                    parent_id=span.parent_span_id.hex(),
                    failed=span.status.code == span.status.STATUS_CODE_ERROR,
                    attributes=_attributes(span.attributes),
                    resource=resource,
                    everything=str(span),
                )


def _attributes(pairs: Iterable[KeyValue]) -> dict[str, Any]:
    return {pair.key: _value(pair.value) for pair in pairs}


def _value(value: AnyValue) -> object:
    return getattr(value, value.WhichOneof("value") or "string_value")
