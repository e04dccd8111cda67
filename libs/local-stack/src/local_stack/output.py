"""Everything the runner shows: the services' log lines on standard output, its own words on standard error."""

import contextlib
import json
import os
import queue
import threading
import time
from datetime import UTC, datetime

STANDARD_OUTPUT = 1
STANDARD_ERROR = 2
COLOURS = ("36", "35", "33", "34", "32")
RESET = "\x1b[0m"


class Output:
    """Writes in a thread of its own, so that a stuck or closed terminal never holds up anything else.

    On a terminal each line gets its service's name in colour. Elsewhere lines stay JSON: a service's own JSON lines
    pass unchanged, and any other line becomes a JSON object that names the service.
    """

    def __init__(
        self, *, log: int = STANDARD_OUTPUT, notes: int = STANDARD_ERROR, terminal: bool | None = None
    ) -> None:
        self.is_terminal = os.isatty(log) if terminal is None else terminal
        self._colours = self.is_terminal and not os.environ.get("NO_COLOR")
        self._log = log
        self._notes = notes
        self._names: list[str] = []
        self._closing = False
        self._lines: queue.Queue[tuple[int, bytes] | None] = queue.Queue(maxsize=2000)
        # A daemon, because a write to a stopped terminal never returns.
        self._writer = threading.Thread(target=self._write_lines, name="output", daemon=True)
        self._writer.start()

    def log(self, service: str, line: bytes) -> bool:
        """Show one line of a service; False asks to come again later, when the reader has caught up."""
        decorated = self._with_name(service, line) if self.is_terminal else _as_json(service, line)
        return self._put(self._log, decorated)

    def note(self, text: str) -> None:
        """Tell the person who started the stack something."""
        self._put(self._notes, text.encode() + b"\n")

    def stop_waiting(self) -> None:
        """From now on drop what can't be written at once, because the shutdown has begun."""
        self._closing = True

    def close(self) -> None:
        """Write what is left, for half a second at most."""
        self.stop_waiting()
        with contextlib.suppress(queue.Full):
            self._lines.put(None, timeout=0.5)
        self._writer.join(timeout=0.5)

    def _with_name(self, service: str, line: bytes) -> bytes:
        if service not in self._names:
            self._names.append(service)
        name = f"{service:<13} |"
        if self._colours:
            name = f"\x1b[{COLOURS[self._names.index(service) % len(COLOURS)]}m{name}{RESET}"
        return name.encode() + b" " + line + b"\n"

    def _put(self, target: int, data: bytes) -> bool:
        try:
            self._lines.put_nowait((target, data))
        except queue.Full:
            return self._closing
        return True

    def _write_lines(self) -> None:
        dead: set[int] = set()
        while (item := self._lines.get()) is not None:
            target, data = item
            if target not in dead and not _write(target, data):
                dead.add(target)


def _as_json(service: str, line: bytes) -> bytes:
    if line.startswith(b"{") and line.endswith(b"}"):
        return line + b"\n"
    entry = {
        "timestamp": datetime.now(UTC).isoformat(),
        "level": "info",
        "logger": "local_stack",
        "service": service,
        "message": line.decode(errors="replace"),
    }
    return json.dumps(entry).encode() + b"\n"


def _write(target: int, data: bytes) -> bool:
    while data:
        try:
            data = data[os.write(target, data) :]
        except BlockingIOError:
            # Another program has made the shared terminal non-blocking.
            time.sleep(0.01)
        except OSError:
            return False
    return True
