"""Starts the processes of the stack and stops them all, in time and without a rest."""

import asyncio
import os
import signal
import subprocess
from dataclasses import dataclass

from local_stack.child import Child, Command
from local_stack.guard import Guard
from local_stack.guard_process import send
from local_stack.output import Output
from local_stack.output_pipe import OutputPipe

# After this a process is killed; PostgreSQL, which stops last, needs the rest of the five seconds.
STOP_PATIENCE_SECONDS = 3.2


@dataclass(frozen=True)
class Finished:
    """How a command ended that ends by itself."""

    exit_code: int
    output: str
    errors: str


class Supervisor:
    """Owns every process it has started until it has stopped it."""

    def __init__(self, *, output: Output, guard: Guard) -> None:
        self._output = output
        self._guard = guard
        self.children: dict[str, Child] = {}

    async def start(self, command: Command) -> Child:
        """Start a process that stays, in the place of an earlier one of that name, and show its output."""
        if command.name in self.children:
            await self.stop(command.name)
        pipe = await OutputPipe.open()
        try:
            process = await self._spawn(command, stdin=subprocess.DEVNULL, stdout=pipe.write_end, stderr=pipe.write_end)
        except OSError:
            pipe.close()
            raise
        finally:
            os.close(pipe.write_end)
        child = Child(command.name, process=process, pipe=pipe, output=self._output, guard=self._guard)
        self.children[command.name] = child
        return child

    async def run(self, command: Command, *, standard_input: str = "") -> Finished:
        """Run a command to its end and return what it said."""
        process = await self._spawn(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        try:
            output, errors = await process.communicate(standard_input.encode())
        finally:
            # Reached early when the person who waits has pressed Ctrl-C.
            send(process.pid, signal.SIGKILL)
            await process.wait()
            self._guard.forget(process.pid)
        return Finished(process.returncode or 0, output.decode(errors="replace"), errors.decode(errors="replace"))

    async def stop(self, name: str) -> None:
        """Stop one process and forget it."""
        await self.children[name].stop(patience_seconds=STOP_PATIENCE_SECONDS)
        del self.children[name]

    async def stop_all(self) -> None:
        """Stop every process at the same time; none is left after 3.7 s."""
        self._output.stop_waiting()
        await asyncio.gather(*(self.stop(name) for name in list(self.children)))

    def kill_all(self) -> None:
        """Let no process finish what it is doing."""
        for child in self.children.values():
            child.kill()

    async def _spawn(self, command: Command, *, stdin: int, stdout: int, stderr: int) -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            *self._guard.command(*command.arguments),
            pass_fds=self._guard.pass_fds,
            stdin=stdin,
            stdout=stdout,
            stderr=stderr,
            cwd=command.directory,
            env=dict(command.environment),
            # Its own session: a Ctrl-C in the terminal reaches the runner alone, which then stops it in order.
            start_new_session=True,
        )
