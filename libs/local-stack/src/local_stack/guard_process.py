"""The process behind `Guard`: reads from a pipe which groups to watch, and ends them when the pipe ends."""

import contextlib
import os
import signal
import sys
import time
from collections.abc import Iterable

# Enough for a service to finish its requests and for PostgreSQL to write its last checkpoint.
PATIENCE_SECONDS = 4.0


def main() -> None:
    """Wait until the runner is gone, then end what it left."""
    # A Ctrl-C or a closed terminal is the runner's business; the guard has to survive it.
    for ignored in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(ignored, signal.SIG_IGN)
    groups = watched_groups(sys.stdin)
    for group, stop_signal in groups.items():
        send(group, stop_signal)
    deadline = time.monotonic() + PATIENCE_SECONDS
    while any(is_alive(group) for group in groups) and time.monotonic() < deadline:
        time.sleep(0.05)
    for group in groups:
        send(group, signal.SIGKILL)


def watched_groups(lines: Iterable[str]) -> dict[int, int]:
    """Follow the runner's lines to their end; return the groups still watched, each with its signal."""
    groups: dict[int, int] = {}
    for line in lines:
        verb, group, stop_signal = line.split()
        if verb == "watch":
            groups[int(group)] = int(stop_signal)
        else:
            groups.pop(int(group), None)
    return groups


def send(group: int, number: int) -> None:
    """Send a signal to a group that may have ended."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)


def is_alive(group: int) -> bool:
    """Tell whether a group still has a process."""
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


if __name__ == "__main__":
    main()
