"""One directory through which the worker processes of a service share their metrics."""

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

_DIRECTORY = "PROMETHEUS_MULTIPROC_DIR"


def measure_this_process_alone() -> None:
    """Keep the metrics in memory, whatever the surroundings say; to be called before any metric is made."""
    os.environ.pop(_DIRECTORY, None)


@contextlib.contextmanager
def shared_metrics_directory() -> Iterator[Path]:
    """Give a directory without anything in it; to be entered before any metric is made, since that decides it.

    One that is named in the surroundings is emptied of what a process left that ended otherwise; else one is made and
    removed in the end.
    """
    given = os.environ.get(_DIRECTORY)
    directory = Path(given or tempfile.mkdtemp(prefix="metrics-"))
    directory.mkdir(parents=True, exist_ok=True)
    for stale in directory.glob("*.db"):
        stale.unlink()
    os.environ[_DIRECTORY] = str(directory)
    main_process_id = os.getpid()
    try:
        yield directory
    finally:
        # A worker leaves this block as well.
        if os.getpid() == main_process_id and given is None:
            shutil.rmtree(directory, ignore_errors=True)
