"""What the operating system says of a service's processes, as if they were one."""

import resource
from collections.abc import Callable, Iterable, Iterator
from functools import partial

from prometheus_client import Metric, ProcessCollector
from prometheus_client.registry import Collector
from prometheus_client.samples import Sample
from typing_extensions import override

# Added up, these would say nothing.
_LOWEST = frozenset({"process_start_time_seconds", "process_max_fds"})


class ProcessesCollector(Collector):
    """Adds up what this process and its workers use, those that ended included where it counts: in processor time."""

    def __init__(self, worker_ids: Callable[[], Iterable[int]]) -> None:
        self._worker_ids = worker_ids

    @override
    def collect(self) -> Iterator[Metric]:
        together: dict[str, Metric] = {}
        for process_id in ("self", *self._worker_ids()):
            for metric in ProcessCollector(pid=partial(str, process_id), registry=None).collect():
                known = together.setdefault(metric.name, metric)
                if known is not metric:
                    known.samples = [_merge(known.samples[0], metric.samples[0])]
        ended = resource.getrusage(resource.RUSAGE_CHILDREN)
        cpu = together.get("process_cpu_seconds")
        if cpu is not None:
            [sample] = cpu.samples
            cpu.samples = [sample._replace(value=sample.value + ended.ru_utime + ended.ru_stime)]
        yield from together.values()


def _merge(one: Sample, other: Sample) -> Sample:
    value = min(one.value, other.value) if one.name in _LOWEST else one.value + other.value
    return one._replace(value=value)
