"""What all compared servers stand on: one durable PostgreSQL, one issuer of tokens, one server of each kind."""

import os
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from uuid import UUID

from loadtests.bench.databases import AuthDatabase, ItemsDatabase, fill_accounts, fill_items
from loadtests.bench.generator import Load
from loadtests.bench.measurement import Measured, measure
from loadtests.bench.processes import Stack, cpu_seconds_of, running
from loadtests.bench.settings import service_settings
from local_stack.postgres import PostgresServer
from service_chassis.testing.issuer import TokenIssuer
from service_chassis.testing.key_server import KeyServer

TOKEN_SECONDS = 7200
# Where each service has the packages of its image and no others, as the Makefile installs them.
SHIPPED = Path(sys.prefix) / "shipped"
ITEMS_SERVICE = (str(SHIPPED / "items-service/bin/items-service"), "serve", "--host", "127.0.0.1")
AUTH_SERVICE = (str(SHIPPED / "auth-service/bin/auth-service"), "serve", "--host", "127.0.0.1")


@dataclass(frozen=True)  # not with slots, which would leave no place for what is made once
class Bench:
    """Makes databases and servers for comparisons, and measures these."""

    directory: Path
    postgres: PostgresServer
    issuer: TokenIssuer
    key_server: KeyServer
    rounds: int
    seconds: int

    @cached_property
    def items(self) -> ItemsDatabase:
        """A database with 100,000 items."""
        return fill_items(self.new_database("items"))

    @cached_property
    def accounts(self) -> AuthDatabase:
        """A database with accounts."""
        return fill_accounts(self.new_database("auth"))

    def postgres_cpu_seconds(self) -> float:
        """Return the processor time that PostgreSQL has used until now, but for connections that are closed."""
        pid_file = self.postgres.data_directory / "postmaster.pid"
        return cpu_seconds_of(int(pid_file.read_text(encoding="ascii").split()[0]))

    def new_database(self, name: str) -> str:
        """Create an empty database, and return its address."""
        self.postgres.create_database(name)
        return self.postgres.url(name)

    def access_token(self, owner_id: UUID) -> str:
        """Return a token of that owner of items, for as long as the benchmark may take."""
        now = int(time.time())
        return self.issuer.token(sub=str(owner_id), iat=now, exp=now + TOKEN_SECONDS)

    def compared(self, name: str, *, database_url: str) -> AbstractContextManager[Stack]:
        """Run what stands in `stacks` under that name."""
        key_set_file, url_file = self.directory / "keys.json", self.directory / f"{name}.url"
        key_set_file.write_bytes(self.issuer.key_set())
        url_file.write_text(database_url, encoding="utf-8")
        given = ["--key-set-file", str(key_set_file), "--database-url-file", str(url_file)]
        command = [sys.executable, "-m", f"loadtests.bench.stacks.{name}", *given]
        return running(name, command, environment=dict(os.environ))

    def items_service(
        self,
        database_url: str,
        *,
        name: str = "tandem",
        settings: Mapping[str, str | None] | None = None,
        command: Sequence[str] = ITEMS_SERVICE,
    ) -> AbstractContextManager[Stack]:
        """Run items-service; a setting of None is left out."""
        given = {**service_settings(database_url), "AUTH_SERVICE_URL": self.key_server.url, **(settings or {})}
        environment = {setting: value for setting, value in given.items() if value is not None}
        return running(name, command, environment=environment)

    def auth_service(self, database_url: str, *, name: str = "tandem") -> AbstractContextManager[Stack]:
        """Run auth-service."""
        return running(name, AUTH_SERVICE, environment=service_settings(database_url))

    def measure(
        self, load: Load, *stacks: Stack, rounds: int | None = None, seconds: int | None = None
    ) -> list[Measured]:
        """Send a load to each server in turn."""
        return self.measure_each([(load, stack) for stack in stacks], rounds=rounds, seconds=seconds)

    def measure_each(
        self, loaded: Sequence[tuple[Load, Stack]], *, rounds: int | None = None, seconds: int | None = None
    ) -> list[Measured]:
        """Send each load to its server in turn."""
        rounds, seconds = rounds or self.rounds, seconds or self.seconds
        return measure(loaded, rounds=rounds, seconds=seconds, directory=self.directory)


@contextmanager
def new_bench(directory: Path, *, rounds: int, seconds: int) -> Iterator[Bench]:
    """Start a durable PostgreSQL and what publishes keys."""
    issuer = TokenIssuer()
    with PostgresServer(directory / "postgres") as postgres, KeyServer(issuer.key_set()) as key_server:
        yield Bench(directory, postgres, issuer, key_server, rounds, seconds)
