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
    from items_service.repositories.idempotency_keys import IdempotencyKeyRepository
    from service_chassis.database import Database

    database = Database(settings)
    try:
        async with database.session() as session:
            keys = IdempotencyKeyRepository(session)
            return await keys.count_forgotten() if dry_run else await keys.delete_forgotten()
    finally:
        await database.close()


def main() -> None:
    """Run the command line."""
    run(commands)
