"""The commands that every service's command line has: serve, migrate, openapi."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, cast

import typer
from fastapi import FastAPI
from pydantic import SecretStr
from sqlalchemy.exc import DBAPIError

from service_chassis.database import is_unavailable
from service_chassis.logs import configure_logging
from service_chassis.migrations import upgrade_to_head
from service_chassis.server import serve
from service_chassis.settings import InvalidSettingsError, ServiceSettings, SettingsType, load_settings

CHASSIS_SOURCE = Path(__file__).parent


def new_command_line(
    *, package_directory: Path, settings_class: type[SettingsType], create_app: Callable[[SettingsType], FastAPI]
) -> typer.Typer:
    """Return the command line of the service in that package, to which the service adds its own commands."""
    commands = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
    commands.command("serve")(_serve_command(package_directory, settings_class))
    commands.command("migrate")(_migrate_command(package_directory, settings_class))
    commands.command("openapi")(_openapi_command(settings_class, create_app))
    return commands


def run(commands: typer.Typer) -> None:
    """Run the command line; a wrong configuration is one line per setting on standard error and exit code 1."""
    try:
        commands()
    except InvalidSettingsError as error:
        sys.exit(str(error))


def _serve_command(package_directory: Path, settings_class: type[ServiceSettings]) -> Callable[..., None]:
    def serve_command(
        host: Annotated[str, typer.Option(help="The address to listen on.")] = "0.0.0.0",  # noqa: S104  # a container's
        port: Annotated[int, typer.Option(help="The port to listen on.")] = 8000,
        *,
        reload: Annotated[bool, typer.Option("--reload", help="Restart when the source changes.")] = False,
    ) -> None:
        """Answer requests until a signal ends it."""
        load_settings(settings_class)
        directories = [package_directory, CHASSIS_SOURCE] if reload else None
        serve(f"{package_directory.name}.main:create_app", host=host, port=port, reload_directories=directories)

    return serve_command


def _migrate_command(package_directory: Path, settings_class: type[ServiceSettings]) -> Callable[[], None]:
    def migrate_command() -> None:
        """Bring the database to the newest schema; does nothing when it is there."""
        configure_logging(load_settings(settings_class))
        try:
            upgrade_to_head(package_directory.parents[1])
        except (DBAPIError, OSError) as error:
            if not is_unavailable(error):
                raise
            sys.exit("The database does not answer; nothing was migrated.")

    return migrate_command


def _openapi_command(
    settings_class: type[SettingsType], create_app: Callable[[SettingsType], FastAPI]
) -> Callable[[], None]:
    def openapi_command() -> None:
        """Print the OpenAPI document; needs no configuration."""
        # Made without reading anything; nothing connects before the first request.
        settings = settings_class.model_construct(database_url=SecretStr("postgresql+asyncpg://localhost/any"))
        app = create_app(cast("SettingsType", settings))
        sys.stdout.write(json.dumps(app.openapi(), indent=2, ensure_ascii=False) + "\n")

    return openapi_command
