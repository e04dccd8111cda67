"""Deletes what nobody needs any more; made for a daily job."""

import asyncio
from datetime import timedelta

import click

from auth_service.core.config import Settings
from service_chassis.logs import configure_logging
from service_chassis.settings import load_settings


@click.command()
@click.option("--dry-run", is_flag=True, help="Only count what would be deleted.")
@click.option(
    "--audit-days",
    type=click.IntRange(min=1),
    default=400,
    show_default=True,
    help="For how many days the audit trail is kept.",
)
def prune(*, dry_run: bool, audit_days: int) -> None:
    """Delete expired one-time and refresh tokens, sessions that ended a week ago, and old events.

    Ends with 1 when the database is away; running it again goes on where it stopped.
    """
    settings = load_settings(Settings)
    configure_logging(settings)
    counts = asyncio.run(_prune(settings, dry_run=dry_run, audit_retention=timedelta(days=audit_days)))
    verb = "Would delete" if dry_run else "Deleted"
    click.echo(f"{verb} {', '.join(f'{count} {name}' for name, count in counts.items())}.")


async def _prune(settings: Settings, *, dry_run: bool, audit_retention: timedelta) -> dict[str, int]:
    from auth_service.services.pruning import Pruning
    from service_chassis.database import Database

    database = Database(settings)
    try:
        pruning = Pruning(database, audit_retention=audit_retention)
        return await (pruning.count() if dry_run else pruning.prune())
    finally:
        await database.close()
