"""The command line: serve, migrate, openapi, prune, denylist."""

import asyncio
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, TypeVar
from uuid import UUID

import typer

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
denylist = typer.Typer(no_args_is_help=True, help="See and change what is denied although its token has not expired.")
commands.add_typer(denylist, name="denylist")

Kind = Annotated[Literal["session", "user", "key"], typer.Argument(help="What the id is of.")]
Subject = Annotated[UUID, typer.Argument(help="The id of a session, a user or a signing key.")]


@commands.command()
def prune(
    *,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only count what would be deleted.")] = False,
) -> None:
    """Delete what nobody needs any more: idempotency keys older than a day, and denials of expired tokens."""
    keys, denials = asyncio.run(_prune(dry_run=dry_run))
    typer.echo(f"{'Would delete' if dry_run else 'Deleted'} {keys} idempotency keys and {denials} denials.")


@denylist.command("list")
def list_denials() -> None:
    """Print what is denied and until when; what ends first stands first."""
    for denial in asyncio.run(_with_denials(lambda denials: denials.list_present())):
        detail = f" below rights version {denial.minimum_rights_version}" if denial.minimum_rights_version else ""
        typer.echo(f"{denial.kind} {denial.subject}{detail} until {denial.denied_until.isoformat(timespec='seconds')}")


@denylist.command("add")
def add_denial(kind: Kind, subject: Subject) -> None:
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
    typer.echo(f"The {kind} {subject} is denied.")


@denylist.command("remove")
def remove_denial(kind: Kind, subject: Subject) -> None:
    """Let the tokens of a session or a user be good again; replicas that run have forgotten a key for good."""
    if not asyncio.run(_with_denials(lambda denials: denials.lift(kind, subject))):
        typer.echo(f"The {kind} {subject} was not denied; nothing was changed.", err=True)
        raise typer.Exit(1)
    typer.echo(f"The {kind} {subject} is not denied any more.")


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
