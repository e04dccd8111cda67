"""Hands ended spans over to a collector, from a thread of its own, and never at a request's cost."""

import threading
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING

import structlog
from opentelemetry.sdk.trace import SpanProcessor
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from typing_extensions import override

from service_chassis.tracing import SPAN_EXPORTS, SPANS_DROPPED

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import ReadableSpan

MAXIMUM_WAITING_SPANS = 2048
SPANS_PER_EXPORT = 256
EXPORT_EVERY_SECONDS = 1.0
# A collector that is silent holds one export for so long; what ends meanwhile waits, and then is dropped.
EXPORT_SECONDS = 5.0
# And rests after a failure. The next attempt is made with a few: to record and encode more for nobody would be most of
# what a collector that is away costs.
REST_SECONDS = 10.0
TRIAL_SPANS = 16
# Together below the 2 seconds that a shutdown may be longer for the sake of spans.
FLUSH_SECONDS = 1.25
ABORT_SECONDS = 0.25

logger = structlog.stdlib.get_logger(__name__)


class SpanExport(SpanProcessor):
    """Keeps a bounded number of spans for the collector; one too many is dropped and counted.

    The library's own processor drops without counting, logs each drop, and has no bound on its end.
    """

    def __init__(
        self,
        new_exporter: Callable[[], SpanExporter],
        *,
        maximum_waiting_spans: int = MAXIMUM_WAITING_SPANS,
        spans_per_export: int = SPANS_PER_EXPORT,
        rest_seconds: float = REST_SECONDS,
    ) -> None:
        self._new_exporter = new_exporter
        self._maximum_waiting_spans = maximum_waiting_spans
        self._spans_per_export = spans_per_export
        self._rest_seconds = rest_seconds
        self._exporter: SpanExporter | None = None
        self._waiting: deque[ReadableSpan] = deque()
        self._wake = threading.Event()
        self._closing = threading.Event()
        self._given_up = False
        self._succeeds = True
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin to export, in the process that serves: threads and connections do not survive a fork."""
        # Made now, although it takes 100 ms: among what requests leave behind, its objects would slow down all others.
        self._exporter = exporter = self._new_exporter()
        # A daemon: a collector that never answers must not keep the process.
        self._thread = threading.Thread(target=self._export_forever, args=[exporter], name="export spans", daemon=True)
        self._thread.start()

    def admits_trace(self) -> bool:
        """Say whether a trace may begin here: none whose spans there is no room for, which counts as a dropped span."""
        is_admitted = self._has_room()
        if not is_admitted:
            SPANS_DROPPED.inc()
        return is_admitted

    @override
    def on_end(self, span: "ReadableSpan") -> None:
        """Keep a span for the next export."""
        if not self._has_room():
            SPANS_DROPPED.inc()
            return
        self._waiting.append(span)
        if len(self._waiting) >= self._spans_per_export and not self._wake.is_set():
            self._wake.set()

    def _has_room(self) -> bool:
        return len(self._waiting) < (self._maximum_waiting_spans if self._succeeds else TRIAL_SPANS)

    def close(self) -> None:
        """Export what waits, for as long as a shutdown may take for it."""
        self._closing.set()
        self._wake.set()
        self._join(FLUSH_SECONDS)
        self._given_up = True
        if self._exporter is not None:
            self._exporter.shutdown()
        self._join(ABORT_SECONDS)
        SPANS_DROPPED.inc(len(self._waiting))

    def _join(self, seconds: float) -> None:
        if self._thread is not None:
            self._thread.join(seconds)

    def _export_forever(self, exporter: SpanExporter) -> None:
        while not self._closing.is_set():
            self._wake.wait(EXPORT_EVERY_SECONDS)
            self._wake.clear()
            while self._waiting and not self._given_up:
                count = min(self._spans_per_export, len(self._waiting))
                if not self._export([self._waiting.popleft() for _ in range(count)], exporter):
                    self._closing.wait(self._rest_seconds)

    def _export(self, spans: list["ReadableSpan"], exporter: SpanExporter) -> bool:
        try:
            succeeded = exporter.export(spans) is SpanExportResult.SUCCESS
        except Exception:
            # Whatever it is, the spans after these may get through.
            logger.exception("spans not exported")
            succeeded = False
        if succeeded != self._succeeds:
            self._succeeds = succeeded
            # Once for each change: a collector that is away for the night is no reason to fill the log.
            logger.warning("the collector takes spans again" if succeeded else "the collector takes no spans")
        SPAN_EXPORTS.labels("succeeded" if succeeded else "failed").inc()
        if not succeeded:
            SPANS_DROPPED.inc(len(spans))
        return succeeded
