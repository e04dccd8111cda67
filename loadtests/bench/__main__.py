"""`make bench`: measures, prints the ratios, and keeps them in RESULTS.md."""

import argparse
import os
import platform
import shutil
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

from loadtests.bench.environment import Database, filled_database, running_stacks
from loadtests.bench.generator import CONNECTIONS, Load
from loadtests.bench.measurement import measure
from loadtests.bench.report import as_markdown, draw
from service_chassis.testing.issuer import TokenIssuer

HERE = Path(__file__).parent


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(prog="make bench")
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--seconds", type=int, default=3)
    parser.add_argument("--keep", action="store_true", help="write RESULTS.md and its picture")
    given = parser.parse_args()
    if shutil.which("wrk") is None:
        sys.exit("The benchmark needs wrk: install it (Debian and Ubuntu: apt install wrk; macOS: brew install wrk).")
    with tempfile.TemporaryDirectory() as directory:
        Path(directory).chmod(0o755)
        issuer = TokenIssuer()
        with (
            filled_database(Path(directory)) as database,
            running_stacks(database, issuer, directory=Path(directory)) as stacks,
        ):
            loads = _loads(database, issuer)
            results = measure(loads, stacks, rounds=given.rounds, seconds=given.seconds, directory=Path(directory))
    table = as_markdown(results)
    sys.stdout.write(table)
    if given.keep:
        draw(results, HERE / "results.png")
        (HERE / "RESULTS.md").write_text(f"{_preface(given.rounds, given.seconds)}\n{table}", encoding="utf-8")


def _loads(database: Database, issuer: TokenIssuer) -> list[Load]:
    now = int(time.time())
    token = issuer.token(sub=str(database.owner_id), iat=now, exp=now + 7200)
    return [
        Load(name="GET one item", paths=[f"/api/v1/items/{item_id}" for item_id in database.item_ids], token=token),
        Load(name="GET a list of 20", paths=["/api/v1/items?limit=20"], token=token),
        Load(
            name="POST an item",
            paths=["/api/v1/items"],
            token=token,
            method="POST",
            body='{"title":"Tandem bicycle","description":"Two seats, one direction."}',
        ),
    ]


def _preface(rounds: int, seconds: int) -> str:
    return f"""# What a request costs

One worker of each server, PostgreSQL and the generator (wrk, {CONNECTIONS} connections) on the same
{os.cpu_count()} cores, 100,000 items; medians of {rounds} interleaved rounds of {seconds} s,
on {datetime.now(UTC):%Y-%m-%d}, Python {platform.python_version()}. What matters is the ratio:
another machine gives other figures and hardly other ratios.
`make bench` measures anew, `make bench KEEP=1` rewrites this page.

![Requests per second](results.png)
"""


if __name__ == "__main__":
    main()
