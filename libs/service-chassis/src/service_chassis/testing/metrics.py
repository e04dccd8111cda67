"""What the metrics of the test's own process say."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from prometheus_client.samples import Sample

from service_chassis.metrics import Exposition


def shown(name: str, **labels: str) -> list[Sample]:
    """Return the samples of that name with those labels, as a scrape would find them now."""
    samples = [sample for metric in Exposition().collect() for sample in metric.samples if sample.name == name]
    return [sample for sample in samples if labels.items() <= sample.labels.items()]


def metric(name: str, **labels: str) -> float:
    """Return the sum of those samples."""
    return sum(sample.value for sample in shown(name, **labels))


@dataclass
class Rise:
    """By how much a metric rose while a block lasted."""

    by: float = 0.0


@contextmanager
def rise_of(name: str, **labels: str) -> Iterator[Rise]:
    """Watch a metric: a process has one of each, however many applications and tests it has."""
    rise = Rise()
    before = metric(name, **labels)
    yield rise
    rise.by = metric(name, **labels) - before
