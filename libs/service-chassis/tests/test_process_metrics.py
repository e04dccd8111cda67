"""What several processes use, shown as if they were one."""

import subprocess
import sys
import time
from collections.abc import Iterable

import pytest

from service_chassis.process_metrics import ProcessesCollector

NOBODY = 2**22 + 1  # beyond the process ids that Linux gives
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the operating system says nothing")


def shown(worker_ids: Iterable[int]) -> dict[str, float]:
    metrics = ProcessesCollector(lambda: worker_ids).collect()
    return {sample.name: sample.value for metric in metrics for sample in metric.samples}


def test_what_processes_hold_is_added_up_and_the_oldest_says_when_they_began() -> None:
    alone = shown([])
    with subprocess.Popen(["sleep", "60"]) as worker:
        together = shown([worker.pid])
        worker.kill()

    assert together["process_open_fds"] > alone["process_open_fds"]
    assert together["process_start_time_seconds"] == alone["process_start_time_seconds"]


def test_a_worker_that_has_just_ended_is_left_out() -> None:
    assert shown([NOBODY])["process_open_fds"] == pytest.approx(shown([])["process_open_fds"], abs=2)


def test_processor_time_of_workers_that_ended_still_counts() -> None:
    before = shown([])["process_cpu_seconds_total"]

    subprocess.run([sys.executable, "-S", "-c", "while __import__('time').process_time() < 0.2: pass"], check=True)

    assert shown([])["process_cpu_seconds_total"] - before >= 0.2
    assert shown([])["process_start_time_seconds"] < time.time()
