"""Command lines that run inside the test: a process of its own takes longer to start than most commands take."""

import io
import sys
from collections.abc import Callable, Mapping
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass

import pytest


@dataclass(frozen=True)
class Finished:
    """What a shell would see of a command."""

    exit_code: int
    output: str
    errors: str


def run_command(main: Callable[[], None], *arguments: str, environment: Mapping[str, str], given: str = "") -> Finished:
    """Run a command line to its end, with more environment variables and with text on its standard input."""
    output, errors = io.StringIO(), io.StringIO()
    with pytest.MonkeyPatch.context() as process, redirect_stdout(output), redirect_stderr(errors):
        process.setattr(sys, "argv", ["command", *arguments])
        process.setattr(sys, "stdin", io.StringIO(given))
        for name, value in environment.items():
            process.setenv(name, value)
        exit_code = _exit_code_of(main)
    return Finished(exit_code, output.getvalue(), errors.getvalue())


def _exit_code_of(main: Callable[[], None]) -> int:
    try:
        main()
    except SystemExit as end:
        if isinstance(end.code, str):
            sys.stderr.write(f"{end.code}\n")
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    return 0
