import contextlib
import subprocess
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from local_stack.guard import Guard


@pytest.fixture
def guard() -> Iterator[Guard]:
    guard = Guard()
    yield guard
    guard.close()


@pytest.fixture
def start_process() -> Iterator[Callable[..., "subprocess.Popen[str]"]]:
    """Start processes that end with the test at the latest; what they say can be read from `stdout`."""
    with contextlib.ExitStack() as processes:

        def start(*command: str, **options: Any) -> "subprocess.Popen[str]":
            options = {"stdout": subprocess.PIPE, "text": True, "start_new_session": True, **options}
            process = processes.enter_context(subprocess.Popen(command, **options))
            processes.callback(process.kill)
            return process

        yield start


@pytest.fixture
def eventually() -> Callable[[Callable[[], bool]], bool]:
    """Tell whether something becomes true within 400 looks, eight seconds at the least.

    Looks are counted, since a machine that was halted for those seconds has given nothing the time to become true.
    """

    def wait(claim: Callable[[], bool]) -> bool:
        for _ in range(400):
            if claim():
                return True
            time.sleep(0.02)
        return False

    return wait


@pytest.fixture
def processes_naming() -> Callable[[object], list[str]]:
    """Return the command lines, zombies left out, in which a text occurs."""

    def find(text: object) -> list[str]:
        listing = subprocess.run(["/bin/ps", "-ww", "-eo", "stat=,args="], check=True, capture_output=True, text=True)
        return [line for line in listing.stdout.splitlines() if str(text) in line and not line.startswith("Z")]

    return find
