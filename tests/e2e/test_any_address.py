"""The tests of this folder run against a pair that somebody else started, as their image does on a cluster."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from local_stack.running_pair import RunningPair

pytestmark = pytest.mark.resilience
REPOSITORY = Path(__file__).parents[2]
COMMAND = re.compile(r"^ENTRYPOINT (\[.*\])$", re.MULTILINE)


def command_of_the_image() -> list[str]:
    dockerfile = (REPOSITORY / "tests" / "Dockerfile").read_text()
    [command] = COMMAND.findall(dockerfile)
    return shlex.split(command.strip("[]").replace(",", " "))


def test_an_address_and_a_superuser_are_all_that_is_needed(pair: RunningPair) -> None:
    address = {
        "TANDEM_URL": pair.base_url,
        "TANDEM_SUPERUSER_EMAIL": pair.superuser_email,
        "TANDEM_SUPERUSER_PASSWORD": pair.superuser_password,
    }
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    python, *arguments = command_of_the_image()
    some = ["tests/e2e/test_first_hour.py", "tests/e2e/test_database_halted.py"]

    finished = subprocess.run(
        [sys.executable, *arguments, *some], cwd=REPOSITORY, env=environment | address, capture_output=True, check=False
    )

    output = finished.stdout.decode()
    assert (python, finished.returncode) == ("python", 0), output
    assert "needs a pair on this machine" in output
    assert "needs a superuser" not in output
