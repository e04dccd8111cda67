"""Finds the capacity of one endpoint, and what was used up when more was asked."""

import time
from dataclasses import dataclass

from loadtests.bench.environment import Bench
from loadtests.bench.processes import Stack
from loadtests.capacity.attack import Attack, attack
from loadtests.capacity.endpoints import Endpoint
from loadtests.capacity.search import confirmed_rate, highest_rate

STEP_SECONDS, CONFIRMATION_SECONDS = 3, 8
PAUSE_SECONDS = 0.3
# Who uses this part of what there is has nothing left.
BUSY = 0.9
# A generator that sends less than this part of what it was asked for is the limit.
PUNCTUAL = 0.97


@dataclass(frozen=True, kw_only=True)
class Usage:
    """How many cores were in use during a run."""

    service: float
    postgres: float
    generator: float


@dataclass(frozen=True, kw_only=True)
class Capacity:
    """The highest rate of an endpoint that meets its objectives, with one worker, and what stopped a higher one."""

    endpoint: Endpoint
    requests_per_second: float
    usage: Usage
    limited_by: str

    @property
    def requests_per_core_second(self) -> float:
        """How many requests the service answers with a core of its own."""
        return self.requests_per_second / self.usage.service if self.usage.service else 0.0


class Measuring:
    """Asks one endpoint of a running service for more and more."""

    def __init__(self, bench: Bench, stack: Stack, *, endpoint: Endpoint, cores: int) -> None:
        self._bench = bench
        self._stack = stack
        self._endpoint = endpoint
        self._cores = cores
        self._kept = Usage(service=0, postgres=0, generator=0)
        self._limited_by = ""

    def find(self) -> Capacity:
        """Return the capacity."""
        rate = highest_rate(lambda rate: self._keeps(rate, STEP_SECONDS), first=self._endpoint.first_rate)
        rate = confirmed_rate(lambda rate: self._keeps(rate, CONFIRMATION_SECONDS), rate)
        return Capacity(
            endpoint=self._endpoint, requests_per_second=rate, usage=self._kept, limited_by=self._limited_by
        )

    def _keeps(self, rate: float, seconds: int) -> bool:
        time.sleep(PAUSE_SECONDS)
        endpoint, bench = self._endpoint, self._bench
        before = self._stack.cpu_seconds(), bench.postgres_cpu_seconds()
        run = attack(
            endpoint.load,
            route=endpoint.route,
            url=self._stack.url,
            rate=rate,
            seconds=seconds,
            directory=bench.directory,
        )
        usage = Usage(
            service=(self._stack.cpu_seconds() - before[0]) / seconds,
            postgres=(bench.postgres_cpu_seconds() - before[1]) / seconds,
            generator=run.generator_cores,
        )
        if not run.breaches and run.sent_per_second >= PUNCTUAL * rate:
            self._kept = usage
            return True
        self._limited_by = _limit(run, usage, rate=rate, cores=self._cores)
        return False


def _limit(run: Attack, usage: Usage, *, rate: float, cores: int) -> str:
    if run.sent_per_second < PUNCTUAL * rate or usage.generator >= BUSY:
        return "the generator"
    if usage.service >= BUSY:
        return "its core"
    everything = usage.service + usage.postgres + usage.generator
    return "the machine" if everything >= BUSY * cores else "its latency"
