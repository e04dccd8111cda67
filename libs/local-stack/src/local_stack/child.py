"""One process of the stack: in its own group, its output shown line by line."""

import asyncio
import contextlib
import os
import signal
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from local_stack.guard import Guard
from local_stack.guard_process import is_alive, send
from local_stack.output import Output
from local_stack.output_pipe import LONGEST_LINE_BYTES, OutputPipe
from local_stack.polling import poll_until

STRAGGLER_PATIENCE_SECONDS = 0.5


@dataclass(frozen=True, kw_only=True)
class Command:
    """What to run, and under which name to show it."""

    name: str
    arguments: Sequence[str]
    directory: Path
    environment: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))


class Child:
    """A running process; reports in one line when it ends although nobody stopped it."""

    def __init__(
        self, name: str, *, process: asyncio.subprocess.Process, pipe: OutputPipe, output: Output, guard: Guard
    ) -> None:
        self.name = name
        self._process = process
        self._pipe = pipe
        self._output = output
        self._guard = guard
        self._stopping = False
        self.last_line = "(none)"
        self._tasks = [asyncio.create_task(self._show_output()), asyncio.create_task(self._report_end())]

    @property
    def pid(self) -> int:
        """The process id, which is its group's as well."""
        return self._process.pid

    @property
    def exit_code(self) -> int | None:
        """None while it runs; the negative number of a signal that ended it."""
        return self._process.returncode

    def kill(self) -> None:
        """End the whole group at once, as if it had crashed."""
        if self.exit_code is None:
            send(self.pid, signal.SIGKILL)

    async def stop(self, *, patience_seconds: float) -> None:
        """Ask the whole group to end; kill it when it has not after that time."""
        self._stopping = True
        # Once it has been reaped, its number may belong to somebody else.
        if self.exit_code is None:
            send(self.pid, signal.SIGTERM)
            await self._wait_for_group(patience_seconds)
            send(self.pid, signal.SIGKILL)
            await self._process.wait()
        # A process that has left the group may hold the pipe open, and it would be waited for without end.
        await asyncio.wait(self._tasks, timeout=STRAGGLER_PATIENCE_SECONDS)
        self._pipe.close()
        await asyncio.wait(self._tasks)
        self._guard.forget(self.pid)

    async def wait(self) -> int:
        """Return the exit code when the process has ended."""
        return await self._process.wait()

    async def _wait_for_group(self, patience_seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(patience_seconds):
                await self._process.wait()
                # Where init reaps nobody, dead members stay in the group forever; hence a limit of its own.
                async with asyncio.timeout(STRAGGLER_PATIENCE_SECONDS):
                    await poll_until(lambda: not is_alive(self.pid), every_seconds=0.02)

    async def _report_end(self) -> None:
        exit_code = await self._process.wait()
        if self._stopping:
            return
        reason = signal.Signals(-exit_code).name if exit_code < 0 else f"exit code {exit_code}"
        self._output.note(f"{self.name} has stopped by itself ({reason}); the rest keeps running.")
        # What is left of its group would keep the port and an old state.
        send(self.pid, signal.SIGKILL)
        self._guard.forget(self.pid)

    async def _show_output(self) -> None:
        rest = b""
        while chunk := await self._pipe.read():
            *lines, rest = (rest + chunk).split(b"\n")
            if len(rest) > LONGEST_LINE_BYTES:
                lines, rest = [*lines, rest], b""
            await self._show(lines)
        await self._show([rest])

    async def _show(self, lines: Sequence[bytes]) -> None:
        for line in filter(None, lines):
            self.last_line = line.decode(errors="replace")
            await poll_until(partial(self._output.log, self.name, line.rstrip(b"\r")), every_seconds=0.05)
