"""Measures the connections of a database and the statements sent to it."""

import time
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from prometheus_client import Counter, Gauge, Histogram
from sqlalchemy import event
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.pool import AsyncAdaptedQueuePool
from typing_extensions import override

if TYPE_CHECKING:
    from sqlalchemy import Engine
    from sqlalchemy.engine.interfaces import ExceptionContext
    from sqlalchemy.pool import PoolProxiedConnection

# Nothing takes longer: waiting, connecting and commands have limits of a second each.
_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5)

# Names are those of OpenTelemetry's conventions in the form that Prometheus gives them.
_MAXIMUM = Gauge("db_client_connection_max", "How many connections there may be.", multiprocess_mode="livesum")
_CONNECTIONS = Gauge(
    "db_client_connection_count", "How many connections there are.", ["state"], multiprocess_mode="livesum"
)
_PENDING = Gauge(
    "db_client_connection_pending_requests", "How many wait for a connection.", multiprocess_mode="livesum"
)
_WAIT = Histogram(
    "db_client_connection_wait_time_seconds",
    "How long it took to get a connection, a new one being opened included.",
    buckets=_BUCKETS,
)
_TIMEOUTS = Counter("db_client_connection_timeouts_total", "How often a connection was waited for in vain.")
_OPERATION = Histogram(
    "db_client_operation_duration_seconds",
    "How long statements took, those that failed included.",
    ["db_operation_name"],
    buckets=_BUCKETS,
)
_OPERATIONS = {name: _OPERATION.labels(name) for name in ("SELECT", "INSERT", "UPDATE", "DELETE")}
_OTHER_OPERATION = _OPERATION.labels("_OTHER")


class Connections(NamedTuple):
    """What a pool has at a moment."""

    maximum: int
    used: int
    idle: int
    pending: int


class Pool(Protocol):
    """What knows its connections."""

    def connections(self) -> Connections:
        """Return how many there are now."""


def show_connections(*pools: Pool) -> None:
    """Show the connections that all of a process's pools have together."""
    maximum, used, idle, pending = map(sum, zip(*(pool.connections() for pool in pools), strict=True))
    _MAXIMUM.set(maximum)
    _CONNECTIONS.labels("used").set(used)
    _CONNECTIONS.labels("idle").set(idle)
    _PENDING.set(pending)


class MeasuredWait:
    """Observes how long a connection is waited for, and counts when that is in vain."""

    __slots__ = ("_began_at",)

    def __enter__(self) -> None:
        self._began_at = time.perf_counter()

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None and issubclass(kind, (PoolTimeoutError, TimeoutError)):
            _TIMEOUTS.inc()
        _WAIT.observe(time.perf_counter() - self._began_at)


def observe_no_wait() -> None:
    """Observe that a connection was there."""
    _WAIT.observe(0)


class MeasuredPool(AsyncAdaptedQueuePool):
    """Measures how long who wants a connection has to wait for it."""

    pending_requests = 0

    @override
    def connect(self) -> "PoolProxiedConnection":
        self.pending_requests += 1
        try:
            with MeasuredWait():
                return super().connect()
        finally:
            self.pending_requests -= 1


def measure_statements(engine: "Engine") -> None:
    """Observe every statement that is sent through an engine."""
    event.listen(engine, "before_cursor_execute", _note_begin)
    event.listen(engine, "after_cursor_execute", _observe_statement)
    event.listen(engine, "handle_error", _observe_failure)


class MeasuredStatement:
    """Observes one statement that no engine sends, in the series of its operation."""

    __slots__ = ("_began_at", "_series")

    def __init__(self, series: Histogram) -> None:
        self._series = series

    def __enter__(self) -> None:
        self._began_at = time.perf_counter()

    def __exit__(self, *_: object) -> None:
        self._series.observe(time.perf_counter() - self._began_at)


# SQLAlchemy passes the connection, the cursor, the statement, its values, their context, and whether there are many.
def _note_begin(*arguments: Any) -> None:
    # A context belongs to one statement and is there at both ends; by way of the connection it would take 15 µs more.
    arguments[4].began_at = time.perf_counter()


def _observe_statement(*arguments: Any) -> None:
    _observe(arguments[2], arguments[4])


def _observe_failure(failure: "ExceptionContext") -> None:
    if failure.statement is not None:
        _observe(failure.statement, failure.execution_context)


def _observe(statement: str, context: object) -> None:
    began_at = getattr(context, "began_at", None)
    if began_at is not None:
        series_of(statement).observe(time.perf_counter() - began_at)


def series_of(statement: str) -> Histogram:
    """Return the series that a statement is observed in."""
    # The four names are of one length.
    return _OPERATIONS.get(statement.lstrip()[:6].upper(), _OTHER_OPERATION)
