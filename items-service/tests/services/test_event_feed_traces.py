"""Reading the feed is recorded and told to auth-service, without the secret, the token and the cursor that it takes."""

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from pydantic import SecretStr

from items_service.services.event_feed import EventFeed
from service_chassis.tracing.current import Tracing


class AuthService(ThreadingHTTPServer):
    """Gives a token and no events, and keeps the traces that it was told of."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.traceparents: list[str | None] = []


class Handler(BaseHTTPRequestHandler):
    server: AuthService

    def do_GET(self) -> None:
        self._send(b"[]")

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self._send(json.dumps({"access_token": "canary-token", "expires_in": 300}).encode())

    def _send(self, body: bytes) -> None:
        self.server.traceparents.append(self.headers.get("traceparent"))
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Keep the test's output clean."""


@pytest.fixture
def auth_service() -> Iterator[AuthService]:
    with AuthService() as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


async def test_reading_the_feed_is_recorded_without_its_secrets(auth_service: AuthService) -> None:
    url = f"http://127.0.0.1:{auth_service.server_port}"
    feed = EventFeed(
        events_url=f"{url}/internal/events",
        token_url=f"{url}/api/v1/auth/token",
        client_id="items-service",
        client_secret=SecretStr("canary-secret"),
    )
    recorded = InMemorySpanExporter()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(recorded))

    with Tracing(provider.get_tracer("trial"), sample_ratio=1, admits_trace=lambda: True).being_current():
        await feed.read("canary-cursor")
    await feed.close()

    spans = recorded.get_finished_spans()
    assert [span.name for span in spans] == ["POST /api/v1/auth/token", "GET /internal/events"]
    told = [str(traceparent).split("-")[1:3] for traceparent in auth_service.traceparents]
    assert told == [[f"{span.context.trace_id:032x}", f"{span.context.span_id:016x}"] for span in spans if span.context]
    assert "canary" not in "".join(span.to_json() for span in spans)
