"""Starts the compared servers one by one, and reads from /proc what their processes use."""

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from local_stack.ports import free_port

REPOSITORY = Path(__file__).parents[2]
START_SECONDS = 30.0
_BYTES_PER_PAGE = os.sysconf("SC_PAGE_SIZE")
_TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, kw_only=True)
class Stack:
    """One compared server, running, with all of its processes."""

    name: str
    port: int
    process: subprocess.Popen[bytes]
    seconds_to_ready: float
    cpu_seconds_to_ready: float

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"http://127.0.0.1:{self.port}"

    def cpu_seconds(self) -> float:
        """The processor time that its processes have used until now."""
        return cpu_seconds_of(self.process.pid)

    def resident_megabytes(self) -> float:
        """The memory of its largest process, which is a worker where there are several."""
        return max(map(_resident_megabytes, _family_of(self.process.pid)))

    def shared_megabytes(self) -> float:
        """The part of it that is pages of files, which all processes of a machine share."""
        return max(map(_shared_megabytes, _family_of(self.process.pid)))


@contextmanager
def running(name: str, command: Sequence[str], *, environment: Mapping[str, str]) -> Iterator[Stack]:
    """Start a server on a free port, give it when it is ready, and stop it."""
    port = free_port()
    began = time.monotonic()
    process = subprocess.Popen(
        [*command, "--port", str(port)], cwd=REPOSITORY, env=environment, stdout=subprocess.DEVNULL
    )
    try:
        _wait_until_ready(name, process, url=f"http://127.0.0.1:{port}/health/ready")
        seconds, cpu_seconds = time.monotonic() - began, cpu_seconds_of(process.pid)
        yield Stack(name=name, port=port, process=process, seconds_to_ready=seconds, cpu_seconds_to_ready=cpu_seconds)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait()


def cpu_seconds_of(process_id: int) -> float:
    """Return the processor time that a process and its children have used until now."""
    return sum(_cpu_ticks(each) for each in _family_of(process_id)) / _TICKS_PER_SECOND


def _wait_until_ready(name: str, process: subprocess.Popen[bytes], *, url: str) -> None:
    deadline = time.monotonic() + START_SECONDS
    # One client for all attempts: each new one reads certificates for 50 ms, on the core of what starts.
    with httpx.Client() as client:
        while time.monotonic() < deadline and process.poll() is None:
            with contextlib.suppress(httpx.HTTPError):
                # The others know no such path and answer it somehow.
                if client.get(url).status_code != httpx.codes.SERVICE_UNAVAILABLE:
                    return
            time.sleep(0.02)
    raise RuntimeError(f"{name} did not start")


def _family_of(process_id: int) -> list[int]:
    children = Path(f"/proc/{process_id}/task/{process_id}/children").read_text(encoding="ascii").split()
    return [process_id, *(each for child in children for each in _family_of(int(child)))]


def _cpu_ticks(process_id: int) -> int:
    # What stands before the last bracket is the program's name, which may hold anything.
    fields = Path(f"/proc/{process_id}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


def _resident_megabytes(process_id: int) -> float:
    return _megabytes(process_id, column=1)


def _shared_megabytes(process_id: int) -> float:
    return _megabytes(process_id, column=2)


def _megabytes(process_id: int, *, column: int) -> float:
    pages = int(Path(f"/proc/{process_id}/statm").read_text(encoding="ascii").split()[column])
    return pages * _BYTES_PER_PAGE / 1e6
