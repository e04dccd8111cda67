"""`python -m observability generate`."""

import argparse
import sys
from pathlib import Path

from observability.generation import write_generated_files


def main() -> int:
    """Run one command."""
    parser = argparse.ArgumentParser(prog="python -m observability", description="Rules, dashboards and a Prometheus.")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("generate", help="write rules and dashboards from slo.yaml")
    parser.parse_args()
    write_generated_files(Path.cwd())
    return 0


if __name__ == "__main__":
    sys.exit(main())
