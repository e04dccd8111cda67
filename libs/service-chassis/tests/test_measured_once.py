"""What coverage reports of a test function that runs again with other parameters, and of what runs after it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

MODULE = """
def judge(number):
    if number == 1:
        return "first"
    return "again"


def work():
    return "after"
"""
TESTS = """
import threading

import pytest

import judged


@pytest.mark.parametrize("number", [1, 2])
def test_it(number):
    assert judged.judge(number)
    thread = threading.Thread(target=judged.judge, args=[number])
    thread.start()
    thread.join()


def test_after_it():
    assert judged.work() == "after"
"""


@pytest.mark.skipif(sys.version_info >= (3, 14), reason="here coverage needs no tracer, and measures everything")
def test_a_function_is_measured_for_its_first_parameter_and_so_is_what_comes_after_it(tmp_path: Path) -> None:
    (tmp_path / "judged.py").write_text(MODULE)
    (tmp_path / "test_judged.py").write_text(TESTS)
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("COVERAGE_", "PYTEST_"))}
    # What else is installed takes longer to load than this takes to run.
    environment["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    pytest_command = ["-m", "pytest", "-q", "-p", "service_chassis.testing.measured_once", "-p", "no:cacheprovider"]
    measure = [sys.executable, "-m", "coverage", "run", "--source=.", *pytest_command, "--rootdir=.", "-c", "/dev/null"]

    subprocess.run(measure, cwd=tmp_path, env=environment, check=True, capture_output=True)
    report = [sys.executable, "-m", "coverage", "json", "-q", "-o", "report.json"]
    subprocess.run(report, cwd=tmp_path, env=environment, check=True, capture_output=True)

    files = json.loads((tmp_path / "report.json").read_text())["files"]
    assert files["judged.py"]["missing_lines"] == [5]
