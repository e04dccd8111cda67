"""Spans of requests, statements and calls to others; none of it is there until a collector is named."""

from prometheus_client import Counter

# Here, so that they are told by processes without a collector too: zero is an answer, and nothing is none.
SPANS_DROPPED = Counter("tandem_spans_dropped", "Spans that no collector has taken.")
SPAN_EXPORTS = Counter("tandem_span_exports", "Attempts to hand spans over to the collector.", ["outcome"])
for _outcome in ("succeeded", "failed"):
    SPAN_EXPORTS.labels(_outcome)
