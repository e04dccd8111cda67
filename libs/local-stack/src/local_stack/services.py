"""The two services as the stack sees them: modules to run and settings to hand over."""

import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from local_stack.child import Command

_ASSIGNMENT = re.compile(r"^\s*(?:export\s+)?([A-Za-z_]\w*)\s*=", re.MULTILINE)


@dataclass(frozen=True)
class Service:
    """One service of the pair."""

    name: str
    module: str
    prefix: str
    database: str

    def command(
        self, *arguments: str, environment: Mapping[str, str], directory: Path, interpreter: str = sys.executable
    ) -> Command:
        """Return the command line of one of the service's own commands."""
        return Command(
            name=self.name,
            arguments=[interpreter, "-m", self.module, *arguments],
            environment=environment,
            directory=directory,
        )


AUTH = Service("auth-service", "auth_service", "AUTH_", "auth")
ITEMS = Service("items-service", "items_service", "ITEMS_", "items")
SERVICES = (AUTH, ITEMS)


@dataclass(frozen=True)
class GivenSettings:
    """What the developer has set, in the environment or in `.env`; the stack sets only the rest."""

    environment: Mapping[str, str]
    in_file: frozenset[str]

    @classmethod
    def read(cls, environment: Mapping[str, str], *, directory: Path) -> "GivenSettings":
        """Take the names from the `.env` in that directory; reading its values is left to the services."""
        file = directory / ".env"
        text = file.read_text(encoding="utf-8", errors="replace") if file.is_file() else ""
        return cls(environment, frozenset(name.upper() for name in _ASSIGNMENT.findall(text)))

    def has(self, *names: str) -> bool:
        """Tell whether any of those settings is given."""
        return any(name in self.environment or name in self.in_file for name in names)

    def complete(self, defaults: Mapping[str, str], *, forced: Mapping[str, str]) -> dict[str, str]:
        """Return the environment for a service: what is given, defaults for the rest, `forced` in any case."""
        missing = {name: value for name, value in defaults.items() if not self.has(name)}
        return {**with_bytecode(self.environment), **missing, **forced}


def with_bytecode(environment: Mapping[str, str]) -> dict[str, str]:
    """Return an environment in which Python keeps what it has compiled.

    Without that the imports of the processes of one start take 15 s instead of 4.
    """
    return {name: value for name, value in environment.items() if name != "PYTHONDONTWRITEBYTECODE"}
