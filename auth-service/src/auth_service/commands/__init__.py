"""The command line: what every service's has, and a module for each topic of this one."""

from pathlib import Path

from auth_service.commands.clients import clients
from auth_service.commands.keys import keys
from auth_service.commands.prune import prune
from auth_service.commands.users import create_superuser
from auth_service.core.config import Settings
from service_chassis.command_line import new_command_line, run

commands = new_command_line(Path(__file__).parents[1], Settings)
for command in (create_superuser, clients, keys, prune):
    commands.add_command(command)


def main() -> None:
    """Run the command line."""
    run(commands)
