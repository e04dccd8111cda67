"""Makes the load with wrk, which costs next to nothing itself, and reads what it says."""

import json
import re
import subprocess
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from subprocess import Popen

CONNECTIONS = 16
_UNITS = {"us": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0}


@dataclass(frozen=True, kw_only=True)
class Load:
    """What clients send again and again: requests to several paths, and with several bodies, in turn."""

    name: str
    paths: Sequence[str]
    token: str = ""
    method: str = "GET"
    bodies: Sequence[str] = ("",)
    content_type: str = "application/json"
    connections: int = CONNECTIONS

    def bodies_of_a_run(self) -> Sequence[str]:
        """Return what one run sends."""
        return self.bodies

    def write_script(self, directory: Path) -> Path:
        """Write the script that wrk runs."""
        script = directory / f"{self.name.replace('/', ' ')}.lua"
        headers = {"Content-Type": self.content_type}
        headers |= {"Authorization": f"Bearer {self.token}"} if self.token else {}
        script.write_text(
            f"""local paths = {_lua_list(self.paths)}
local bodies = {_lua_list(self.bodies_of_a_run())}
local headers = {{{", ".join(f"[{json.dumps(name)}] = {json.dumps(value)}" for name, value in headers.items())}}}
local turn = -1
request = function()
  turn = turn + 1
  return wrk.format("{self.method}", paths[turn % #paths + 1], headers, bodies[turn % #bodies + 1])
end
""",
            encoding="utf-8",
        )
        return script


@dataclass(frozen=True, kw_only=True)
class SingleUseLoad(Load):
    """A load whose bodies can be sent once only, so that each run takes the next ones."""

    bodies_per_run: int
    _position: list[int] = field(default_factory=lambda: [0])

    def bodies_of_a_run(self) -> Sequence[str]:
        """Return bodies that no run has sent."""
        first = self._position[0]
        self._position[0] += self.bodies_per_run
        return self.bodies[first : self._position[0]]


@dataclass(frozen=True, kw_only=True)
class Run:
    """What one run gave."""

    requests_per_second: float
    median_seconds: float
    p99_seconds: float
    requests: int


def run_load(load: Load, *, url: str, seconds: int, directory: Path) -> Run:
    """Send the load for that long.

    Raises:
        RuntimeError: an answer was no success, so that the figures would mean nothing.
    """
    return finish_load(load, start_load(load, url=url, seconds=seconds, directory=directory))


def start_load(load: Load, *, url: str, seconds: int, directory: Path) -> Popen[str]:
    """Begin to send the load."""
    command = [
        "wrk",
        "--threads",
        "1",
        "--connections",
        str(load.connections),
        "--duration",
        f"{seconds}s",
        "--timeout",
        "30s",
    ]
    script = load.write_script(directory)
    return Popen([*command, "--latency", "--script", str(script), url], stdout=subprocess.PIPE, text=True)


def finish_load(load: Load, generator: Popen[str]) -> Run:
    """Wait for the end, and read what came of it.

    Raises:
        RuntimeError: an answer was no success or none came, so that the figures would mean nothing.
    """
    output, _ = generator.communicate()
    if generator.returncode or "Non-2xx" in output or "Socket errors" in output:
        raise RuntimeError(f"{load.name} failed:\n{output}")
    requests, elapsed = re.findall(r"(\d+) requests in ([\d.]+\w+)", output)[0]
    if requests == "0":
        raise RuntimeError(f"{load.name} was not answered once: something else takes all of the machine")
    return Run(
        requests_per_second=int(requests) / _seconds(elapsed),
        median_seconds=_seconds(_percentile(output, "50%")),
        p99_seconds=_seconds(_percentile(output, "99%")),
        requests=int(requests),
    )


def _lua_list(texts: Iterable[str]) -> str:
    return f"{{{', '.join(map(json.dumps, texts))}}}"


def _percentile(output: str, name: str) -> str:
    found = re.search(rf"^\s+{name}\s+(\S+)", output, re.MULTILINE)
    if found is None:
        raise RuntimeError(f"wrk said nothing of {name}:\n{output}")
    return found[1]


def _seconds(text: str) -> float:
    number, unit = re.findall(r"^([\d.]+)(us|ms|s|m)$", text)[0]
    return float(number) * _UNITS[unit]
