"""What coverage reports of code that SQLAlchemy runs in greenlets."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

# As SQLAlchemy does, it gives up control to its parent within a call, and returns from it when it is continued.
LIBRARY = """
import greenlet


def execute():
    greenlet.getcurrent().parent.switch()
    return "row"


async def serve(endpoint, layers=3):
    return await (serve(endpoint, layers - 1) if layers else endpoint())
"""
PROGRAM = """
import asyncio
import threading

import greenlet

import library


async def query():
    connection = greenlet.greenlet(library.execute)
    connection.switch()
    await asyncio.sleep(0)
    return connection.switch()


async def endpoint():
    first = await query()
    second = await query()
    if first == "never":
        return "missed"
    return first + second


def work():
    asyncio.run(library.serve(endpoint))


STARTED
"""
SETTINGS = """
[tool.coverage.run]
branch = true
omit = ["library.py"]
plugins = ["service_chassis.testing.greenlet_tracing"]
"""
NEVER_RUN = ['return "missed"']


@pytest.mark.parametrize(
    "started",
    [
        pytest.param("work()", id="in the main thread"),
        pytest.param("thread = threading.Thread(target=work)\nthread.start()\nthread.join()", id="in another thread"),
    ],
)
def test_exactly_the_lines_that_ran_are_reported_as_run(tmp_path: Path, started: str) -> None:
    (tmp_path / "program.py").write_text(PROGRAM.replace("STARTED", started))
    (tmp_path / "library.py").write_text(LIBRARY)
    (tmp_path / "rc.toml").write_text(SETTINGS)

    coverage(tmp_path, "run", "--rcfile=rc.toml", "program.py")

    coverage(tmp_path, "json", "--rcfile=rc.toml", "-o", "report.json")
    lines = (tmp_path / "program.py").read_text().splitlines()
    report = json.loads((tmp_path / "report.json").read_text())["files"]["program.py"]
    assert [lines[number - 1].strip() for number in report["missing_lines"]] == NEVER_RUN
    assert len(report["missing_branches"]) == 1


def coverage(directory: Path, *arguments: str) -> None:
    # Not measured itself: that would be a second tracer.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_")}
    command = [sys.executable, "-m", "coverage", *arguments]
    subprocess.run(command, cwd=directory, env=environment, check=True, capture_output=True)
