"""Counters: shared through a real Redis, and each process's own while that is away."""

import asyncio
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest
from limits import parse
from pydantic import SecretStr

from auth_service.services.rate_limits import PATIENCE_SECONDS, RateLimits
from local_stack.ports import free_port
from service_chassis.testing.metrics import metric

NewReplica = Callable[..., RateLimits]

LIMIT = parse("3 per hour")

SHARED = "tandem_rate_limits_shared"
needs_redis = pytest.mark.skipif(shutil.which("redis-server") is None, reason="redis-server is not installed")


class Redis:
    """A real server that tests may stop and hold up."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._port = free_port()
        self.url = SecretStr(f"redis://127.0.0.1:{self._port}/0")
        self.process = self.start()

    def start(self) -> subprocess.Popen[bytes]:
        options = ["--port", str(self._port), "--bind", "127.0.0.1", "--save", "", "--dir", str(self._directory)]
        self.process = subprocess.Popen(["redis-server", *options], stdout=subprocess.DEVNULL)
        while not self._answers():
            time.sleep(0.01)
        return self.process

    def _answers(self) -> bool:
        with socket.socket() as client:
            return client.connect_ex(("127.0.0.1", self._port)) == 0

    def stop(self) -> None:
        self.process.send_signal(signal.SIGCONT)
        self.process.kill()
        self.process.wait()


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[Redis]:
    redis = Redis(tmp_path)
    yield redis
    redis.stop()


@pytest.fixture
async def new_replica(redis: Redis) -> AsyncIterator[Callable[..., RateLimits]]:
    """Build what each replica has; patient, since these tests are not about a busy machine."""
    replicas: list[RateLimits] = []

    def build(*, url: SecretStr = redis.url, patience_seconds: float = 5, rest_seconds: float = 60) -> RateLimits:
        replicas.append(RateLimits(url, patience_seconds=patience_seconds, rest_seconds=rest_seconds))
        return replicas[-1]

    yield build
    for replica in replicas:
        await replica.close()


async def admitted(replica: RateLimits, *, times: int) -> list[bool]:
    return [(await replica.count(LIMIT, "login", "ada")).admitted for _ in range(times)]


async def test_attempts_beyond_the_limit_are_refused() -> None:
    replica = RateLimits(None)

    assert await admitted(replica, times=5) == [True, True, True, False, False]


async def test_a_count_says_what_remains_and_when_there_is_more() -> None:
    replica = RateLimits(None)

    counts = [await replica.count(LIMIT, "login") for _ in range(4)]

    assert [count.remaining for count in counts] == [2, 1, 0, 0]
    assert all(1 <= count.reset_seconds <= 3600 for count in counts)


async def test_parallel_attempts_are_all_counted() -> None:
    replica = RateLimits(None)

    counts = await asyncio.gather(*(replica.count(LIMIT, "login") for _ in range(20)))

    assert sum(count.admitted for count in counts) == 3


async def test_names_are_counted_apart() -> None:
    replica = RateLimits(None)
    await admitted(replica, times=3)

    assert (await replica.count(LIMIT, "login", "grace")).admitted


async def test_what_is_given_back_can_be_tried_again_and_nothing_more() -> None:
    replica = RateLimits(None)
    await admitted(replica, times=3)

    await replica.give_back(LIMIT, "login", "ada")

    assert await admitted(replica, times=2) == [True, False]


async def test_what_was_not_counted_can_not_be_given_back() -> None:
    replica = RateLimits(None)

    await replica.give_back(LIMIT, "login", "ada")

    assert await admitted(replica, times=4) == [True, True, True, False]


async def test_what_is_forgotten_is_counted_anew() -> None:
    replica = RateLimits(None)
    await admitted(replica, times=3)

    await replica.forget(LIMIT, "login", "ada")

    assert await admitted(replica, times=1) == [True]


@needs_redis
async def test_replicas_count_together(new_replica: NewReplica) -> None:
    one, other = new_replica(), new_replica()

    assert await admitted(one, times=2) + await admitted(other, times=2) == [True, True, True, False]


@needs_redis
async def test_what_one_replica_forgets_all_forget(new_replica: NewReplica) -> None:
    one, other = new_replica(), new_replica()
    await admitted(one, times=3)

    await other.forget(LIMIT, "login", "ada")

    assert await admitted(one, times=1) == [True]


@needs_redis
async def test_an_attempt_given_back_by_one_replica_can_be_made_at_another(new_replica: NewReplica) -> None:
    one, other = new_replica(), new_replica()
    await admitted(one, times=3)

    await one.give_back(LIMIT, "login", "ada")

    assert await admitted(other, times=2) == [True, False]


@needs_redis
@pytest.mark.parametrize("trouble", [signal.SIGKILL, signal.SIGSTOP])
async def test_while_redis_is_away_each_process_counts_alone(
    new_replica: NewReplica, redis: Redis, trouble: signal.Signals
) -> None:
    one, other = (new_replica(patience_seconds=PATIENCE_SECONDS) for _ in range(2))
    redis.process.send_signal(trouble)

    assert await admitted(one, times=4) == [True, True, True, False]
    assert await admitted(other, times=4) == [True, True, True, False]
    assert not one.is_shared
    one.read_gauges()
    assert metric(SHARED) == 0


@needs_redis
async def test_a_hung_redis_is_waited_for_once_and_then_left_alone(new_replica: NewReplica, redis: Redis) -> None:
    replica = new_replica(patience_seconds=0.5)
    redis.process.send_signal(signal.SIGSTOP)
    began = time.monotonic()

    await admitted(replica, times=20)

    # Waiting each time would take ten seconds.
    assert time.monotonic() - began < 5


@needs_redis
async def test_once_redis_is_back_replicas_count_together_again(new_replica: NewReplica, redis: Redis) -> None:
    one, other = new_replica(rest_seconds=0), new_replica(rest_seconds=0)
    redis.stop()
    assert await admitted(one, times=4) == [True, True, True, False]

    redis.start()

    assert await admitted(one, times=2) + await admitted(other, times=2) == [True, True, True, False]


async def test_a_redis_that_was_never_there_fails_no_request() -> None:
    replica = RateLimits(SecretStr(f"redis://127.0.0.1:{free_port()}/0"))

    assert await admitted(replica, times=4) == [True, True, True, False]
    await replica.close()


@needs_redis
async def test_valkey_is_another_name_of_the_same_protocol(new_replica: NewReplica, redis: Redis) -> None:
    replica = new_replica(url=SecretStr(redis.url.get_secret_value().replace("redis", "valkey")))

    await admitted(replica, times=1)

    assert replica.is_shared
    replica.read_gauges()
    assert metric(SHARED) == 1


def looks_through_all_counters() -> int:
    """Count the tasks with which the library looks for counters that have expired."""
    return sum("__expire_events" in repr(task.get_coro()) for task in asyncio.all_tasks())


async def looks_of_two_attempts(replica: RateLimits) -> tuple[int, int]:
    await replica.count(LIMIT, "first")
    at_first = looks_through_all_counters()
    await asyncio.sleep(0.01)
    await replica.count(LIMIT, "second")
    return at_first, looks_through_all_counters()


async def test_attempts_look_through_all_counters_only_now_and_then() -> None:
    assert await looks_of_two_attempts(RateLimits(None, expire_every_seconds=60)) == (1, 0)
    assert await looks_of_two_attempts(RateLimits(None, expire_every_seconds=0)) == (1, 1)
