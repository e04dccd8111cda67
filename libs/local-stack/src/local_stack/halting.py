"""Halts a database server, as a machine that swaps or a disk that hangs does."""

import contextlib
import os
import signal
import subprocess
from collections.abc import Iterator

from local_stack.postgres import PostgresServer


@contextlib.contextmanager
def halted(server: PostgresServer) -> Iterator[None]:
    """Halt every process of a server until the block ends; connections stay open and nobody answers on them."""
    processes = _processes_of(server)
    try:
        for process in processes:
            os.kill(process, signal.SIGSTOP)
        yield
    finally:
        for process in processes:
            os.kill(process, signal.SIGCONT)


def _processes_of(server: PostgresServer) -> list[int]:
    postmaster = (server.data_directory / "postmaster.pid").read_text().split()[0]
    listing = subprocess.run(["/bin/ps", "-eo", "pid=,ppid="], check=True, capture_output=True, text=True)
    pairs = [line.split() for line in listing.stdout.splitlines()]
    return [int(process) for process, parent in pairs if postmaster in {process, parent}]
