"""Looks at a serving process many times a second with py-spy, and says which functions it was found in."""

import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

SAMPLES_PER_SECOND = 200
ROWS = 12
# Where threads wait for something to do, which py-spy takes for work.
_WAITING = ("wait (threading.py", "select (selectors.py", "_worker (concurrent/futures/thread.py")
_PY_SPY = Path(sys.executable).with_name("py-spy")
# A frame reads: handle (asyncio/events.py:80).
_FRAME = re.compile(r"^(?P<function>.*) \((?P<file>.+?)(?::\d+)?\)$")


def sample(process_id: int, *, seconds: int, directory: Path) -> list[str]:
    """Return the stacks of a process' threads that ran or could have run, each as often as it was found.

    The outermost function stands first.

    Raises:
        RuntimeError: the system lets nobody look into other processes, as macOS does unless root asks.
    """
    file = directory / "stacks.txt"
    command = [str(_PY_SPY), "record", "--pid", str(process_id), "--duration", str(seconds), "--format", "raw"]
    command += ["--rate", str(SAMPLES_PER_SECOND), "--output", str(file)]
    finished = subprocess.run(command, check=False, capture_output=True, text=True)
    if finished.returncode:
        raise RuntimeError(f"py-spy could not look into the process: {finished.stderr.strip()}")
    counted = [line.rpartition(" ") for line in file.read_text(encoding="utf-8").splitlines()]
    return [stack for stack, _, count in counted if not _is_waiting(stack) for _ in range(int(count))]


def by_function(stacks: Iterable[str]) -> Counter[str]:
    """Count in which function the process was itself, what that calls in C included."""
    return Counter(_named(stack.rpartition(";")[2]) for stack in stacks)


def by_package(stacks: Iterable[str]) -> Counter[str]:
    """Count in whose code the process was itself."""
    return Counter(_file(stack.rpartition(";")[2]).partition("/")[0].removesuffix(".py") for stack in stacks)


def as_table(what: str, counts: Counter[str]) -> str:
    """Return a table of the most frequent ones."""
    lines = [f"| {what} | share |", "|---|---:|"]
    lines += [f"| {name} | {100 * count / counts.total():.1f} % |" for name, count in counts.most_common(ROWS)]
    return "\n".join(lines) + "\n"


def _is_waiting(stack: str) -> bool:
    return any(waiting in stack.rpartition(";")[2] for waiting in _WAITING)


def _named(frame: str) -> str:
    found = _FRAME.match(frame)
    return frame if found is None else f"`{found['function']}` in {found['file']}"


def _file(frame: str) -> str:
    found = _FRAME.match(frame)
    return frame if found is None else found["file"]
