"""Makes sure that a runner which is killed leaves no process behind.

PR_SET_PDEATHSIG would need a preexec_fn, ends with the *thread* that started the child, reaches one process
instead of its group, and does not exist outside Linux; a small process at the other end of a pipe has none of that.
"""

import contextlib
import signal
import subprocess
import sys
from pathlib import Path
from typing import BinaryIO, cast

from local_stack import guarded_start


class Guard:
    """Ends the process groups it watches as soon as this process is gone, however it went."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            # -P: a module in the current directory must not shadow one of the standard library.
            [sys.executable, "-P", "-m", "local_stack.guard_process"],
            bufsize=0,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        self._pipe = cast("BinaryIO", self._process.stdin)

    @property
    def process_id(self) -> int:
        """The guard's own process id."""
        return self._process.pid

    @property
    def pass_fds(self) -> tuple[int]:
        """What a process started with `command` has to inherit."""
        return (self._pipe.fileno(),)

    def command(self, *arguments: str, stop_signal: signal.Signals = signal.SIGTERM) -> list[str]:
        """Return a command line that does the same but is watched; start it in a session of its own."""
        # -I -S: the interpreter starts in 15 ms and reads nothing that the environment could change.
        script = str(Path(guarded_start.__file__))
        return [sys.executable, "-I", "-S", script, str(self._pipe.fileno()), str(int(stop_signal)), *arguments]

    def forget(self, group: int) -> None:
        """Stop watching a group that has ended."""
        # The guard may have been killed; nothing depends on it as long as this process lives.
        with contextlib.suppress(BrokenPipeError):
            self._pipe.write(f"forget {group} 0\n".encode())

    def close(self) -> None:
        """End the guard; groups that it still watches end with it."""
        self._pipe.close()
        self._process.wait()
