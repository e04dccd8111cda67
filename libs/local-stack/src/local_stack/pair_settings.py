"""What one pair needs to know before it starts."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from local_stack.services import GivenSettings, Service


@dataclass(frozen=True, kw_only=True)
class PairSettings:
    """How to run one pair; the services run in `working_directory` and read the `.env` there."""

    port: int
    working_directory: Path
    environment: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))
    reload: bool = False
    durable: bool = True
    demo_items: bool = False
    superuser_email: str = "admin@example.com"

    @cached_property
    def given(self) -> GivenSettings:
        """What is set already, in the environment or in `.env`."""
        return GivenSettings.read(self.environment, directory=self.working_directory)

    def has_own_database(self, service: Service) -> bool:
        """Tell whether that service shall use another database than the embedded one."""
        return self.given.has(f"{service.prefix}DATABASE_URL")

    def environment_of(
        self,
        service: Service,
        *,
        database_url: str | None,
        secret_key: str,
        shared: Mapping[str, str],
        own: Mapping[str, str],
    ) -> dict[str, str]:
        """Return the environment of that service: everything that is given, what is missing, and `own` in any case."""
        defaults = {"ENVIRONMENT": "local", "PYTHONUNBUFFERED": "1", **shared}
        if not self.given.has("SECRET_KEY"):
            defaults[f"{service.prefix}SECRET_KEY"] = secret_key
        forced = dict(own)
        if database_url is not None:
            forced[f"{service.prefix}DATABASE_URL"] = database_url
        return self.given.complete(defaults, forced=forced)
