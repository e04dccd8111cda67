"""`python -m local_stack run` and `python -m local_stack migration "message"`."""

import argparse
import sys
from pathlib import Path

from local_stack.errors import LocalStackError
from local_stack.migration import create_migrations
from local_stack.run import run


def main() -> int:
    """Run one command; return 1 after one sentence on standard error when it can't be done."""
    arguments = _parser().parse_args()
    try:
        if arguments.command == "run":
            run(_repository())
        else:
            create_migrations(_repository(), message=arguments.message)
    except LocalStackError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m local_stack", description="The pair on one machine.")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("run", help="run the pair until Ctrl-C")
    migration = commands.add_parser("migration", help="write the migrations that the models ask for")
    migration.add_argument("message", help="what changes, such as 'Add a colour to items'")
    return parser


def _repository() -> Path:
    here = Path.cwd()
    for directory in (here, *here.parents):
        if (directory / "auth-service").is_dir() and (directory / "items-service").is_dir():
            return directory
    raise LocalStackError(f"{here} is not in a checkout of this repository.")


if __name__ == "__main__":
    sys.exit(main())
