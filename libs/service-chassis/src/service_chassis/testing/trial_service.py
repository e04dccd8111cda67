"""A service that exists in tests only, to be served in processes of its own."""

import http.client
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from service_chassis.testing.servers import LOOPBACK

_LOOKS = 1_500
_COMMANDS = """
from pathlib import Path
from typing import ClassVar

from service_chassis.command_line import new_command_line, run
from service_chassis.settings import ServiceSettings


class Settings(ServiceSettings):
    service_prefix: ClassVar[str] = "TRIAL_"
    project_name: str = "trial-service"


run(new_command_line(Path(__file__).parent, Settings))
"""


def write_trial_service(directory: Path, *, application: str) -> str:
    """Write the package, whose `main` is the given source; return its name, for `python -m` in that directory."""
    package = directory / "trial_service"
    package.mkdir()
    (package / "__main__.py").write_text(_COMMANDS, encoding="utf-8")
    (package / "main.py").write_text(application, encoding="utf-8")
    return package.name


def answer_of(port: int, path: str) -> str:
    """Return the body of the answer to a GET; empty where nobody answers."""
    with closing(http.client.HTTPConnection(LOOPBACK, port, timeout=10)) as connection:
        try:
            connection.request("GET", path)
            return connection.getresponse().read().decode()
        except OSError:
            return ""


def eventually(claim: Callable[[], bool]) -> bool:
    """Tell whether a claim becomes true within 1,500 looks, half a minute at the least."""
    for _ in range(_LOOKS):
        if claim():
            return True
        time.sleep(0.02)
    return False
