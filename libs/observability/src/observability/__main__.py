"""`python -m observability generate`, `observe` and `pictures`."""

import argparse
import sys
from pathlib import Path

from local_stack.errors import LocalStackError
from local_stack.ports import LOOPBACK
from observability.generation import write_generated_files
from observability.observing import draw_pictures, observe

DEFAULT_PORT = 9090


def main() -> int:
    """Run one command; return 1 after one sentence on standard error when it can't be done."""
    arguments = _parser().parse_args()
    repository = Path.cwd()
    try:
        if arguments.command == "generate":
            write_generated_files(repository)
        elif arguments.command == "observe":
            observe(repository, port=arguments.port)
        else:
            draw_pictures(repository, url=f"http://{LOOPBACK}:{arguments.port}")
    except LocalStackError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m observability", description="Rules, dashboards and a Prometheus.")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("generate", help="write rules and dashboards from slo.yaml")
    for name, text in (
        ("observe", "run Prometheus beside `make run` until Ctrl-C"),
        ("pictures", "draw the dashboards of the last 15 minutes"),
    ):
        command = commands.add_parser(name, help=text)
        command.add_argument("--port", type=int, default=DEFAULT_PORT, help="where Prometheus listens")
    return parser


if __name__ == "__main__":
    sys.exit(main())
