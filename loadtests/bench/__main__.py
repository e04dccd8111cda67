"""`make bench`: measures, prints the ratios, and keeps them in RESULTS.md."""

import argparse
import os
import platform
import shutil
import sys
import tempfile
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from loadtests.bench.comparisons import COMPARISONS
from loadtests.bench.environment import new_bench
from loadtests.bench.generator import CONNECTIONS
from loadtests.bench.measurement import Comparison
from loadtests.bench.report import as_markdown, draw, ratios_as_markdown

HERE = Path(__file__).parent


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(prog="make bench")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=2)
    parser.add_argument("--only", nargs="+", choices=COMPARISONS, default=list(COMPARISONS))
    parser.add_argument("--keep", action="store_true", help="write RESULTS.md and its picture")
    given = parser.parse_args()
    if shutil.which("wrk") is None:
        sys.exit("The benchmark needs wrk: install it (Debian and Ubuntu: apt install wrk; macOS: brew install wrk).")
    with tempfile.TemporaryDirectory() as directory:
        Path(directory).chmod(0o755)
        with new_bench(Path(directory), rounds=given.rounds, seconds=given.seconds) as bench:
            comparisons = {}
            for name in given.only:
                sys.stderr.write(f"Comparing {name} ...\n")
                comparisons[name] = COMPARISONS[name](bench)
    page = _page(comparisons)
    sys.stdout.write(page)
    if given.keep:
        draw(comparisons, HERE / "results.png")
        (HERE / "RESULTS.md").write_text(f"{_preface(given.rounds, given.seconds)}\n{page}", encoding="utf-8")


def _page(comparisons: Mapping[str, Comparison]) -> str:
    sections = [as_markdown(name, comparison) for name, comparison in comparisons.items()]
    return "\n".join([ratios_as_markdown(comparisons.values()), *sections])


def _preface(rounds: int, seconds: int) -> str:
    return f"""# What a request costs

One worker of each server, PostgreSQL and the generator (wrk, {CONNECTIONS} connections) on the same
{os.cpu_count()} cores, 100,000 items; medians of {rounds} interleaved rounds of {seconds} s,
on {datetime.now(UTC):%Y-%m-%d}, Python {platform.python_version()}. What matters is the ratio:
another machine gives other figures and hardly other ratios. CPU is that of the serving processes,
memory that of a worker. Ours run with the packages that their images have, and no others.
`make bench` measures anew, `make bench ONLY=items` a part of it, `make bench KEEP=1` rewrites this page.

![Requests per second](results.png)
"""


if __name__ == "__main__":
    main()
