"""Commands about machine clients."""

import asyncio
import sys
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import click

from auth_service.commands.refusal import refuse
from auth_service.core.config import Settings
from service_chassis.logs import configure_logging
from service_chassis.settings import load_settings

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from auth_service.models import OAuthClient
    from auth_service.services.clients import ClientService


@click.group()
def clients() -> None:
    """Make, list and revoke machine clients."""


@clients.command()
@click.argument("name")
@click.option("--scope", "scopes", multiple=True, required=True, help="What it may do; can be repeated.")
@click.option("--secret-from-stdin", is_flag=True, help="Read the secret from standard input instead of making one.")
def create(name: str, *, scopes: tuple[str, ...], secret_from_stdin: bool) -> None:
    """Make a client and print its secret, which nobody can look up later.

    Its NAME is its client_id as well: lower-case letters, digits and hyphens.

    Does nothing when a client of this name, with the secret that is given and these scopes, exists. The name of a
    revoked client can be used again, with another secret.
    """
    settings = _settings()
    given = sys.stdin.readline().rstrip("\n") if secret_from_stdin else None
    click.echo(asyncio.run(_create(settings, name=name, scopes=list(scopes), given_secret=given)))


@clients.command("list")
def list_clients() -> None:
    """Print a line for each client: name, scopes, since when, and until when if it is revoked."""
    settings = _settings()
    for client in asyncio.run(_list_all(settings)):
        revoked = f"revoked {client.revoked_at:%Y-%m-%d %H:%M}" if client.revoked_at is not None else "active"
        click.echo("\t".join([client.name, " ".join(client.scopes), f"{client.created_at:%Y-%m-%d %H:%M}", revoked]))


@clients.command()
@click.argument("name")
def revoke(name: str) -> None:
    """Give a client no new tokens; those it has expire within five minutes.

    Does nothing when it is revoked already.
    """
    settings = _settings()
    revoked = asyncio.run(_revoke(settings, name))
    click.echo(f"Revoked the client {name}." if revoked else f"The client {name} is revoked; nothing was changed.")


def _settings() -> Settings:
    settings = load_settings(Settings)
    configure_logging(settings)
    return settings


async def _create(settings: Settings, *, name: str, scopes: list[str], given_secret: str | None) -> str:
    from pydantic import ValidationError

    from auth_service.core.security import new_client_secret
    from auth_service.schemas.clients import ClientCreate

    secret = given_secret if given_secret is not None else new_client_secret()
    try:
        new_client = ClientCreate.model_validate({"name": name, "scopes": scopes, "secret": secret})
    except ValidationError as error:
        refuse(error)
    async with _client_service(settings) as service:
        created = await service.create(new_client)
    if not created:
        return f"The client {name} exists; nothing was changed."
    return f"Created the client {name}." + (f"\nSecret: {secret}" if given_secret is None else "")


async def _list_all(settings: Settings) -> "Sequence[OAuthClient]":
    async with _client_service(settings) as service:
        return await service.list_all()


async def _revoke(settings: Settings, name: str) -> bool:
    async with _client_service(settings) as service:
        return await service.revoke(name)


@asynccontextmanager
async def _client_service(settings: Settings) -> "AsyncIterator[ClientService]":
    from auth_service.api.client_dependencies import get_client_service
    from auth_service.api.dependencies import get_audit_trail
    from auth_service.api.resources import Resources
    from auth_service.schemas.devices import COMMAND_LINE

    resources = Resources(settings)
    try:
        async with resources.database.session() as session:
            yield await get_client_service(session, await get_audit_trail(session, COMMAND_LINE))
    finally:
        await resources.close()
