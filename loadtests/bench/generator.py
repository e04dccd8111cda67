"""Makes the load with wrk, which costs next to nothing itself, and reads what it says."""

import json
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

CONNECTIONS = 16
_UNITS = {"us": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0}


@dataclass(frozen=True, kw_only=True)
class Load:
    """What a client sends again and again: one request, to one of several paths in turn."""

    name: str
    paths: list[str]
    token: str
    method: str = "GET"
    body: str = ""

    def write_script(self, directory: Path) -> Path:
        """Write the script that wrk runs."""
        script = directory / f"{self.name}.lua"
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}
        script.write_text(
            f"""local paths = {{{", ".join(map(json.dumps, self.paths))}}}
local headers = {{{", ".join(f"[{json.dumps(name)}] = {json.dumps(value)}" for name, value in headers.items())}}}
local turn = 0
request = function()
  turn = turn % #paths + 1
  return wrk.format("{self.method}", paths[turn], headers, {json.dumps(self.body)})
end
""",
            encoding="utf-8",
        )
        return script


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
    script = load.write_script(directory)
    command = ["wrk", "--threads", "1", "--connections", str(CONNECTIONS), "--duration", f"{seconds}s"]
    finished = subprocess.run(
        [*command, "--latency", "--script", str(script), url], check=True, capture_output=True, text=True
    )
    if "Non-2xx" in finished.stdout or "Socket errors" in finished.stdout:
        raise RuntimeError(f"{load.name} at {url} failed:\n{finished.stdout}")
    requests, elapsed = re.findall(r"(\d+) requests in ([\d.]+\w+)", finished.stdout)[0]
    return Run(
        requests_per_second=int(requests) / _seconds(elapsed),
        median_seconds=_seconds(_percentile(finished.stdout, "50%")),
        p99_seconds=_seconds(_percentile(finished.stdout, "99%")),
        requests=int(requests),
    )


def _percentile(output: str, name: str) -> str:
    found = re.search(rf"^\s+{name}\s+(\S+)", output, re.MULTILINE)
    if found is None:
        raise RuntimeError(f"wrk said nothing of {name}:\n{output}")
    return found[1]


def _seconds(text: str) -> float:
    number, unit = re.findall(r"^([\d.]+)(us|ms|s|m)$", text)[0]
    return float(number) * _UNITS[unit]
