"""The commands that every service's command line has: serve, migrate, openapi.

Each imports what it needs when it runs: a migration starts without the web framework, the reloader without the service.
"""

import gc
import json
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

import click
from pydantic import SecretStr

from service_chassis.errors import ServiceError
from service_chassis.framework import import_framework
from service_chassis.garbage import made_to_stay
from service_chassis.logs import configure_logging
from service_chassis.settings import InvalidSettingsError, ServiceSettings, load_settings
from service_chassis.shared_metrics import measure_this_process_alone, shared_metrics_directory

CHASSIS_SOURCE = Path(__file__).parent
EVERY_ADDRESS = "0.0.0.0"  # noqa: S104  # a container has one, which is not known before


def new_command_line(package_directory: Path, settings_class: type[ServiceSettings]) -> click.Group:
    """Return the command line of the service in that package, to which the service adds its own commands."""
    commands = click.Group()
    commands.command("serve")(_serve_command(package_directory, settings_class))
    commands.command("migrate")(_migrate_command(package_directory, settings_class))
    commands.command("openapi")(_openapi_command(package_directory, settings_class))
    return commands


def run(commands: click.Group) -> None:
    """Run the command line; an expected failure is a line on standard error (one per setting) and exit code 1."""
    try:
        commands()
    except InvalidSettingsError as error:
        sys.exit(str(error))
    except ServiceError as error:
        sys.exit(error.detail)


def _serve_command(package_directory: Path, settings_class: type[ServiceSettings]) -> Callable[..., None]:
    @click.option("--host", default=EVERY_ADDRESS, show_default=True, help="The address to listen on.")
    @click.option("--port", default=8000, show_default=True, help="The port to listen on.")
    @click.option("--reload", is_flag=True, help="Restart when the source changes.")
    def serve_command(host: str, port: int, *, reload: bool) -> None:
        """Answer requests until a signal ends it."""
        settings = load_settings(settings_class)
        configure_logging(settings)
        application = f"{package_directory.name}.main:create_app"
        if settings.web_concurrency > 1 and not reload:
            _serve_with_workers(application, settings, host=host, port=port)
            return
        measure_this_process_alone()
        if not reload:
            # What is made from now on stays as well, until the server is ready and looks for garbage again.
            gc.disable()
        import_framework()
        from service_chassis.server import serve

        directories = [package_directory, CHASSIS_SOURCE] if reload else None
        serve(application, host=host, port=port, metrics_port=settings.metrics_port, reload_directories=directories)

    return serve_command


def _serve_with_workers(application: str, settings: ServiceSettings, *, host: str, port: int) -> None:
    with shared_metrics_directory() as directory:
        with made_to_stay():
            import_framework()
            from service_chassis.workers import serve_with_workers

        serve_with_workers(
            application,
            host=host,
            port=port,
            metrics_port=settings.metrics_port,
            worker_count=settings.web_concurrency,
            metrics_directory=directory,
        )


def _migrate_command(package_directory: Path, settings_class: type[ServiceSettings]) -> Callable[[], None]:
    def migrate_command() -> None:
        """Bring the database to the newest schema; does nothing when it is there."""
        from service_chassis.migrations import upgrade_to_head

        configure_logging(load_settings(settings_class))
        upgrade_to_head(package_directory.parents[1])

    return migrate_command


def _openapi_command(package_directory: Path, settings_class: type[ServiceSettings]) -> Callable[[], None]:
    def openapi_command() -> None:
        """Print the OpenAPI document; needs no configuration."""
        # Made without reading anything; nothing connects before the first request.
        settings = settings_class.model_construct(database_url=SecretStr("postgresql+asyncpg://localhost/any"))
        app = import_module(f"{package_directory.name}.main").create_app(settings)
        sys.stdout.write(json.dumps(app.openapi(), indent=2, ensure_ascii=False) + "\n")

    return openapi_command
