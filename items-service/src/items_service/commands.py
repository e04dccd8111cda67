"""The command line: serve, migrate, openapi, prune."""

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from items_service.core.config import Settings
from service_chassis.command_line import new_command_line, run
from service_chassis.logs import configure_logging
from service_chassis.settings import load_settings

commands = new_command_line(Path(__file__).parent, Settings)


@commands.command()
def prune(
    *,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only count what would be deleted.")] = False,
) -> None:
    """Delete what nobody needs any more: idempotency keys older than a day."""
    settings = load_settings(Settings)
    configure_logging(settings)
    count = asyncio.run(_prune(settings, dry_run=dry_run))
    typer.echo(f"{'Would delete' if dry_run else 'Deleted'} {count} idempotency keys.")


async def _prune(settings: Settings, *, dry_run: bool) -> int:
    from items_service.services.idempotency import count_forgotten_keys, delete_forgotten_keys
    from service_chassis.database import Database

    database = Database(settings)
    try:
        return await (count_forgotten_keys(database) if dry_run else delete_forgotten_keys(database))
    finally:
        await database.close()


def main() -> None:
    """Run the command line."""
    run(commands)
