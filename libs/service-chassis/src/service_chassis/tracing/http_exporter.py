"""Posts spans to a collector by the HTTP client that is here anyway; the library's own exporter brings another."""

import threading
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import httpx
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from typing_extensions import override

from service_chassis.certificates import trusted_certificates

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import ReadableSpan

# After these an exporter may try again, says OTLP's specification.
PASSING_STATUSES = {429, 502, 503, 504}
FIRST_PAUSE_SECONDS = 1.0


class HttpSpanExporter(SpanExporter):
    """Hands spans over as OTLP in protobuf, and tries for a bounded time while the collector is away or busy."""

    def __init__(
        self,
        url: str,
        *,
        headers: Mapping[str, str],
        timeout_seconds: float,
        first_pause_seconds: float = FIRST_PAUSE_SECONDS,
    ) -> None:
        self._url = url
        self._timeout_seconds = timeout_seconds
        self._first_pause_seconds = first_pause_seconds
        self._ending = threading.Event()
        self._client = httpx.Client(
            headers={"Content-Type": "application/x-protobuf", **headers},
            follow_redirects=False,
            verify=trusted_certificates(url),
        )

    @override
    def export(self, spans: "Sequence[ReadableSpan]") -> SpanExportResult:
        """Post spans, once more after each pause that ends in time."""
        body = encode_spans(spans).SerializeToString()
        deadline = time.monotonic() + self._timeout_seconds
        pause_seconds = self._first_pause_seconds
        while (status := self._post(body, seconds=deadline - time.monotonic())) in PASSING_STATUSES:
            is_late = time.monotonic() + pause_seconds >= deadline
            if is_late or self._ending.wait(pause_seconds):
                break
            pause_seconds *= 2
        return SpanExportResult.SUCCESS if httpx.codes.is_success(status) else SpanExportResult.FAILURE

    def _post(self, body: bytes, *, seconds: float) -> int:
        """Return the status of the answer, and of none that of a gateway without an answer."""
        try:
            return self._client.post(self._url, content=body, timeout=seconds).status_code
        except httpx.HTTPError:
            return httpx.codes.BAD_GATEWAY

    @override
    def shutdown(self) -> None:
        """Give up, whatever is under way."""
        self._ending.set()
        self._client.close()
