"""The command line: serve, migrate, openapi."""

from pathlib import Path

from items_service.core.config import Settings
from items_service.main import create_app
from service_chassis.command_line import new_command_line, run

commands = new_command_line(package_directory=Path(__file__).parent, settings_class=Settings, create_app=create_app)


def main() -> None:
    """Run the command line."""
    run(commands)
