"""`make capacity`: the highest rate of each endpoint that meets its objectives, and the replicas that a rate needs."""

import argparse
import os
import shutil
import sys
import tempfile
from pathlib import Path

from loadtests.bench.environment import Bench, new_bench
from loadtests.capacity.endpoints import endpoints
from loadtests.capacity.measuring import Capacity, Measuring
from loadtests.capacity.sizing import keep, sizing_table


def main() -> None:
    """Find the capacities one after the other, and print them."""
    parser = argparse.ArgumentParser(prog="make capacity")
    parser.add_argument("--rate", type=float, default=1000.0, help="requests a second to size for")
    parser.add_argument("--only", default="", help="a part of the names of the requests to measure")
    parser.add_argument("--keep", action="store_true", help="write the table into loadtests/README.md")
    given = parser.parse_args()
    if shutil.which("vegeta") is None:
        sys.exit("This needs vegeta: go install github.com/tsenart/vegeta/v12@latest, or brew install vegeta on macOS.")
    cores = len(os.sched_getaffinity(0))
    with tempfile.TemporaryDirectory() as directory:
        Path(directory).chmod(0o755)
        with new_bench(Path(directory), rounds=1, seconds=1) as bench:
            capacities = _measure(bench, only=given.only, cores=cores)
    table = sizing_table(capacities, rate=given.rate, cores=cores)
    sys.stdout.write(table)
    if given.keep:
        keep(table)


def _measure(bench: Bench, *, only: str, cores: int) -> list[Capacity]:
    capacities = []
    with bench.items_service(bench.items.url) as items, bench.auth_service(bench.accounts.url) as auth:
        stacks = {"items-service": items, "auth-service": auth}
        for endpoint in endpoints(bench):
            if only not in endpoint.load.name:
                continue
            measuring = Measuring(bench, stacks[endpoint.service], endpoint=endpoint, cores=cores)
            capacities.append(measuring.find())
            rate = capacities[-1].requests_per_second
            sys.stderr.write(f"{endpoint.load.name}: {rate:,.0f} a second, limited by {capacities[-1].limited_by}\n")
    return capacities


if __name__ == "__main__":
    main()
