"""What all compared servers stand on: one PostgreSQL with 100,000 items, one issuer, one server of each kind."""

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID, uuid4

import asyncpg
import httpx

from local_stack.ports import free_port
from local_stack.postgres import PostgresServer
from service_chassis.testing.issuer import ISSUER, TokenIssuer
from service_chassis.testing.key_server import KeyServer

REPOSITORY = Path(__file__).parents[2]
ITEMS = 100_000
ITEMS_PER_OWNER = 1_000
START_SECONDS = 30.0
# Keys as UUIDv7 makes them: they rise with time, and so do the rows of one owner lie beside each other.
FILL = """
INSERT INTO items (id, owner_id, title, description, created_at, updated_at)
SELECT uuidv7(), $1::uuid[], 'Item number ' || number, repeat('words about it ', 8), made, made
FROM (
    SELECT number, now() - make_interval(secs => $2 - number) AS made FROM generate_series(1, $2) AS number
)
"""


@dataclass(frozen=True, kw_only=True)
class Database:
    """The filled database, and what a client of it knows."""

    url: str
    owner_id: UUID
    item_ids: list[str]


@dataclass(frozen=True, kw_only=True)
class Stack:
    """One compared server, running."""

    name: str
    port: int
    process: subprocess.Popen[bytes]

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"http://127.0.0.1:{self.port}"

    def cpu_seconds(self) -> float:
        """The processor time that it has used until now."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
        ticks = int(fields[11]) + int(fields[12])
        return ticks / os.sysconf("SC_CLK_TCK")


@contextmanager
def filled_database(directory: Path) -> Iterator[Database]:
    """Start a durable PostgreSQL, migrate it as items-service does, and fill it."""
    with PostgresServer(directory / "postgres") as server:
        server.create_database("items")
        url = server.url("items")
        command = [sys.executable, "-m", "items_service", "migrate"]
        subprocess.run(command, check=True, env=_settings(url), stdout=subprocess.DEVNULL)
        yield asyncio.run(_fill(url))


@contextmanager
def running_stacks(database: Database, issuer: TokenIssuer, *, directory: Path) -> Iterator[dict[str, Stack]]:
    """Start every compared server, and stop them all."""
    key_set_file, url_file = directory / "keys.json", directory / "database-url"
    key_set_file.write_bytes(issuer.key_set())
    url_file.write_text(database.url, encoding="utf-8")
    given = ["--key-set-file", str(key_set_file), "--database-url-file", str(url_file)]
    with ExitStack() as stack, KeyServer(issuer.key_set()) as key_server:
        stacks = {}
        for name in ("bare", "limit", "guide"):
            command = [sys.executable, "-m", f"loadtests.bench.stacks.{name}", *given]
            stacks[name] = stack.enter_context(_running(name, command, environment=dict(os.environ)))
        settings = _settings(database.url) | {"ITEMS_AUTH_SERVICE_URL": key_server.url}
        command = [sys.executable, "-m", "items_service", "serve", "--host", "127.0.0.1"]
        stacks["tandem"] = stack.enter_context(_running("tandem", command, environment=settings))
        yield stacks


@contextmanager
def _running(name: str, command: list[str], *, environment: Mapping[str, str]) -> Iterator[Stack]:
    port = free_port()
    process = subprocess.Popen(
        [*command, "--port", str(port)], cwd=REPOSITORY, env=environment, stdout=subprocess.DEVNULL
    )
    try:
        stack = Stack(name=name, port=port, process=process)
        _wait_until_ready(stack)
        yield stack
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait()


def _wait_until_ready(stack: Stack) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and stack.process.poll() is None:
        with contextlib.suppress(httpx.HTTPError):
            # The others know no such path and answer it somehow.
            if httpx.get(f"{stack.url}/health/ready").status_code != httpx.codes.SERVICE_UNAVAILABLE:
                return
        time.sleep(0.05)
    raise RuntimeError(f"{stack.name} did not start")


def _settings(url: str) -> dict[str, str]:
    """Everything on, as shipped; the metrics port is any free one."""
    return {
        **os.environ,
        "ENVIRONMENT": "local",
        "LOG_FORMAT": "json",
        "TOKEN_ISSUER": ISSUER,
        "METRICS_PORT": str(free_port()),
        "CORS_ORIGINS": "http://localhost:3000",
        "ITEMS_DATABASE_URL": url,
    }


async def _fill(url: str) -> Database:
    connection = await asyncpg.connect(url)
    owners = [uuid4() for _ in range(ITEMS // ITEMS_PER_OWNER)]
    statement = FILL.replace("$1::uuid[]", f"($1::uuid[])[1 + number % {len(owners)}]")
    await connection.execute(statement, owners, ITEMS)
    await connection.execute("VACUUM ANALYZE items")
    rows = await connection.fetch("SELECT id FROM items WHERE owner_id = $1", owners[0])
    await connection.close()
    return Database(url=url, owner_id=owners[0], item_ids=[str(row["id"]) for row in rows])
