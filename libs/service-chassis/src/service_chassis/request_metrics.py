"""Counts and times the requests of a service, by labels of which there are only so many."""

from functools import cache
from http import HTTPMethod
from typing import TYPE_CHECKING, cast

from prometheus_client import Gauge, Histogram
from prometheus_fastapi_instrumentator.middleware import PrometheusInstrumentatorMiddleware
from typing_extensions import override

from service_chassis.log_context import log_context
from service_chassis.request_context import CLIENT_CLOSED_REQUEST, route_template

if TYPE_CHECKING:
    from prometheus_fastapi_instrumentator.metrics import Info
    from starlette.requests import Request
    from starlette.types import ASGIApp

_METHODS = frozenset(HTTPMethod)
_UNCOUNTED_PATHS = r"^/health(/|$)"

# Names, labels and buckets are those of OpenTelemetry's stable conventions in the form that Prometheus gives them.
REQUEST_DURATION = Histogram(
    "http_server_request_duration_seconds",
    "How long requests took, from their first header to the last byte of the answer.",
    ["http_request_method", "http_route", "http_response_status_code"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 10),
)
_ACTIVE = Gauge("http_server_active_requests", "How many requests are under way.", multiprocess_mode="livesum")


class ActiveRequests:
    """Counts the requests under way, of which one thread knows: without the lock, or the file, that a gauge has."""

    def __init__(self) -> None:
        self._count = 0

    def inc(self) -> None:
        """Count one that begins."""
        self._count += 1

    def dec(self) -> None:
        """Count one that is over."""
        self._count -= 1

    def read_gauge(self) -> None:
        """Show how many there are."""
        _ACTIVE.set(self._count)


ACTIVE_REQUESTS = ActiveRequests()


class RequestMetricsMiddleware(PrometheusInstrumentatorMiddleware):
    """Observes every request but the probes' when it is over: answered, refused, failed or abandoned by its client.

    The instrumentator looks for a request's route among all routes beforehand, which takes longer than the rest of the
    middleware; the router notes it anyway, so here it is read afterwards.
    """

    def __init__(self, app: "ASGIApp") -> None:
        super().__init__(
            app,
            should_group_status_codes=False,
            excluded_handlers=[_UNCOUNTED_PATHS],
            instrumentations=[_observe],
        )
        # Asked to make the gauge, each middleware would make one, and a process may have several applications.
        self.should_instrument_requests_inprogress = True
        self.inprogress = cast("Gauge", ACTIVE_REQUESTS)

    @override
    def _get_handler(self, request: "Request") -> tuple[str, bool]:
        return request.scope["path"], True


def _observe(info: "Info") -> None:
    # A client that hung up was not sent even a status.
    status = int(info.modified_status) if info.modified_duration_without_streaming else CLIENT_CLOSED_REQUEST
    method = info.method if info.method in _METHODS else "_OTHER"
    route = route_template(info.request.scope) or "unmatched"
    observe_request(method=method, route=route, status=status, duration_seconds=info.modified_duration)


def observe_request(*, method: str, route: str, status: int, duration_seconds: float) -> None:
    """Observe a request that is over, while its ids are bound; each label must be one of few."""
    _series(method, route, status=status).observe(duration_seconds, _exemplar())


@cache
def _series(method: str, route: str, *, status: int) -> Histogram:
    return REQUEST_DURATION.labels(method, route, str(status))


def _exemplar() -> dict[str, str] | None:
    """Point from a bucket to a trace that can be looked at."""
    ids = log_context()
    return {"trace_id": ids["trace_id"]} if "span_id" in ids else None
