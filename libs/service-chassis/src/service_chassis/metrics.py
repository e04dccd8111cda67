"""What a process tells of itself: what happens is counted where it happens, gauges are read when somebody asks."""

import itertools
import math
import platform
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from prometheus_client import REGISTRY, Counter, Gauge, Metric, disable_created_metrics
from prometheus_client.registry import Collector
from typing_extensions import override

if TYPE_CHECKING:
    from service_chassis.settings import ServiceSettings

UNKNOWN = math.nan
"""The value of a gauge that nobody can tell at the moment: it is left out, rather than shown as something else."""

_BUILD_INFO = Gauge(
    "tandem_build_info",
    "Which version runs; the value is always 1.",
    ["service", "version", "revision", "python_version"],
    multiprocess_mode="livemax",
)
_running: list["Gauges"] = []

# When a counter began is a series more for each, and Prometheus sees it anyway.
disable_created_metrics()  # type: ignore[no-untyped-call]  # it has no types


def tell_build(settings: "ServiceSettings") -> None:
    """Tell which version of which service this process runs."""
    build = settings.project_name, settings.version, settings.revision, platform.python_version()
    _BUILD_INFO.labels(*build).set(1)


def labelled_counter(name: str, documentation: str, **values: Sequence[str]) -> Counter:
    """Return a counter that has no other label values than these, and shows each of them from the start, as zero."""
    counter = Counter(name, documentation, values)
    for combination in itertools.product(*values.values()):
        counter.labels(*combination)
    return counter


class Gauges:
    """Reads what exists elsewhere into an application's gauges, whenever somebody asks and as long as it runs.

    Another thread asks, so that the answer comes even while the event loop is blocked: a reading only looks.
    """

    def __init__(self, *readings: Callable[[], None]) -> None:
        self._readings = readings

    def start(self) -> None:
        """Be read from now on."""
        _running.append(self)

    def close(self) -> None:
        """Be read no more; a command line closes what it never started."""
        if self in _running:
            _running.remove(self)

    def read(self) -> None:
        """Set the gauges to what is so now."""
        for read in self._readings:
            read()


def read_gauges() -> None:
    """Read the gauges of every application that runs in this process."""
    for gauges in [*_running]:
        gauges.read()


class Exposition(Collector):
    """The metrics of a process as they are shown: with gauges of this moment, and without those nobody knows."""

    def __init__(self, *sources: Collector) -> None:
        self._sources = sources or (REGISTRY,)

    @override
    def collect(self) -> Iterator[Metric]:
        read_gauges()
        for source in self._sources:
            for metric in source.collect():
                metric.samples = [sample for sample in metric.samples if not math.isnan(sample.value)]
                yield metric
