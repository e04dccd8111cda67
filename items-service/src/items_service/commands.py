"""The command line: serve, migrate, openapi, prune, denylist."""

import asyncio
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar
from uuid import UUID

import click

from items_service.core.config import Settings
from service_chassis.access_tokens.claims import MAXIMUM_ACCESS_TOKEN_LIFETIME
from service_chassis.command_line import new_command_line, run
from service_chassis.logs import configure_logging
from service_chassis.settings import load_settings

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from items_service.repositories.denials import DenialRepository
    from service_chassis.database import Database

Result = TypeVar("Result")

commands = new_command_line(Path(__file__).parent, Settings)
kind_argument = click.argument("kind", type=click.Choice(["session", "user", "key"]))
subject_argument = click.argument("subject", metavar="ID", type=click.UUID)


@commands.command()
@click.option("--dry-run", is_flag=True, help="Only count what would be deleted.")
def prune(*, dry_run: bool) -> None:
    """Delete what nobody needs any more: idempotency keys older than a day, and denials of expired tokens."""
    keys, denials = asyncio.run(_prune(dry_run=dry_run))
    click.echo(f"{'Would delete' if dry_run else 'Deleted'} {keys} idempotency keys and {denials} denials.")


@commands.group()
def denylist() -> None:
    """See and change what is denied although its token has not expired."""


@denylist.command("list")
def list_denials() -> None:
    """Print what is denied and until when; what ends first stands first."""
    for denial in asyncio.run(_with_denials(lambda denials: denials.list_present())):
        detail = f" below rights version {denial.minimum_rights_version}" if denial.minimum_rights_version else ""
        click.echo(f"{denial.kind} {denial.subject}{detail} until {denial.denied_until.isoformat(timespec='seconds')}")


@denylist.command("add")
@kind_argument
@subject_argument
def add_denial(kind: str, subject: UUID) -> None:
    """Deny every token of a session, a user or a key; every replica does so within a second.

    It ends when the last token that exists now has expired. Until then a user can't get a good token either.
    """
    from items_service.models import NO_RIGHTS_VERSION_IS_ENOUGH, Denial

    denial = Denial(
        kind=kind,
        subject=subject,
        minimum_rights_version=NO_RIGHTS_VERSION_IS_ENOUGH if kind == "user" else 0,
        denied_until=datetime.now(UTC) + MAXIMUM_ACCESS_TOKEN_LIFETIME,
    )
    asyncio.run(_with_denials(lambda denials: denials.add([denial])))
    click.echo(f"The {kind} {subject} is denied.")


@denylist.command("remove")
@kind_argument
@subject_argument
def remove_denial(kind: str, subject: UUID) -> None:
    """Let the tokens of a session or a user be good again; replicas that run have forgotten a key for good."""
    if not asyncio.run(_with_denials(lambda denials: denials.lift(kind, subject))):
        click.echo(f"The {kind} {subject} was not denied; nothing was changed.", err=True)
        raise click.exceptions.Exit(1)
    click.echo(f"The {kind} {subject} is not denied any more.")


async def _with_denials(work: "Callable[[DenialRepository], Awaitable[Result]]") -> Result:
    from items_service.repositories.denials import DenialRepository

    async with _open_database() as database, database.session() as session:
        return await work(DenialRepository(session))


async def _prune(*, dry_run: bool) -> tuple[int, int]:
    from items_service.services.denylist import count_expired_denials, delete_expired_denials
    from items_service.services.idempotency import count_forgotten_keys, delete_forgotten_keys

    async with _open_database() as database:
        if dry_run:
            return await count_forgotten_keys(database), await count_expired_denials(database)
        return await delete_forgotten_keys(database), await delete_expired_denials(database)


@asynccontextmanager
async def _open_database() -> "AsyncIterator[Database]":
    from service_chassis.database import Database

    settings = load_settings(Settings)
    configure_logging(settings)
    database = Database(settings)
    try:
        yield database
    finally:
        await database.close()


def main() -> None:
    """Run the command line."""
    run(commands)
