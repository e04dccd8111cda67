"""The command line: serve, migrate, openapi, create-superuser."""

import asyncio
import sys
from pathlib import Path
from typing import Annotated

import typer
from pydantic import ValidationError

from auth_service.api.dependencies import (
    Resources,
    get_auth_service,
    get_signing_key,
    get_token_service,
    get_users,
)
from auth_service.core.config import Settings
from auth_service.errors import EmailAlreadyRegisteredError
from auth_service.main import create_app
from auth_service.schemas.users import UserCreate
from service_chassis.command_line import new_command_line, run
from service_chassis.errors import ServiceError
from service_chassis.logs import configure_logging
from service_chassis.settings import load_settings

commands = new_command_line(package_directory=Path(__file__).parent, settings_class=Settings, create_app=create_app)


@commands.command()
def create_superuser(
    email: Annotated[str, typer.Option(help="The address to log in with.")],
) -> None:
    """Create an account that may do everything; its password is read from standard input.

    Does nothing when an account with that address exists.
    """
    settings = load_settings(Settings)
    configure_logging(settings)
    try:
        new_user = UserCreate(email=email, password=sys.stdin.readline().rstrip("\n"), full_name="Administrator")
    except ValidationError as error:
        sys.exit("\n".join(f"{detail['loc'][0]}: {detail['msg']}" for detail in error.errors(include_input=False)))
    asyncio.run(_create_superuser(settings, new_user))


async def _create_superuser(settings: Settings, new_user: UserCreate) -> None:
    resources = Resources(settings)
    try:
        signing_key = await get_signing_key(resources)
        async with resources.database.session() as session:
            users = get_users(session)
            tokens = get_token_service(resources, session, users, signing_key)
            await get_auth_service(resources, session, users, tokens).create_user(new_user, is_superuser=True)
        typer.echo(f"Created the superuser {new_user.email}.")
    except EmailAlreadyRegisteredError:
        typer.echo(f"The account {new_user.email} exists; nothing was changed.")
    except ServiceError as error:
        sys.exit(error.detail)
    finally:
        await resources.close()


def main() -> None:
    """Run the command line."""
    run(commands)
