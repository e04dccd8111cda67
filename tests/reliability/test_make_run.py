"""The runs here take the real services, each in a repository of its own, so that they read no developer's `.env`."""

import contextlib
import json
import os
import pty
import signal
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from local_stack.ports import LOOPBACK, free_port

RUN = (sys.executable, "-m", "local_stack", "run")
PREPARING = "PostgreSQL  "
UP = "list your items"
# What stands between a terminal and a run: nothing, or a make that does not pass on what the terminal tells it.
IN_A_TERMINAL = (
    "import fcntl, os, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); os.execv(sys.argv[1], sys.argv[1:])"
)
LIKE_MAKE = "import signal, subprocess, sys; signal.signal(1, lambda *_: None); sys.exit(subprocess.call(sys.argv[1:]))"


class Repository:
    """An empty checkout in which the pair can run; PostgreSQL's data in it are made once."""

    def __init__(self, path: Path) -> None:
        self.path = path
        for service in ("auth-service", "items-service"):
            (path / service).mkdir(parents=True)

    @contextlib.contextmanager
    def run(self, *command: str, terminal: int | None = None, **environment: str) -> Iterator["Run"]:
        """Run the pair; whatever the test did to it, nothing of it is left."""
        run = Run(self.path, command=command or RUN, terminal=terminal, **environment)
        try:
            yield run
        finally:
            processes = run.processes()
            run.process.terminate()
            run.process.wait(timeout=30)
            _wait_until_gone(processes)


class Run:
    """One `make run`, what it logs and what it says."""

    def __init__(
        self, directory: Path, *, command: tuple[str, ...] = RUN, terminal: int | None = None, **environment: str
    ) -> None:
        self.port = free_port()
        self.log = directory / f"log-{self.port}"
        self._words = directory / f"words-{self.port}"
        with self.log.open("wb") as log, self._words.open("wb") as words:
            self.process = subprocess.Popen(
                command,
                cwd=directory,
                env={**os.environ, "PORT": str(self.port), **environment},
                stdin=subprocess.DEVNULL if terminal is None else terminal,
                stdout=log if terminal is None else terminal,
                stderr=words,
                start_new_session=True,
            )

    @property
    def words(self) -> str:
        return self._words.read_text()

    @property
    def commands(self) -> list[str]:
        return self.words[self.words.index("TOKEN=") :].splitlines()[:3]

    def wait_for(self, text: str) -> None:
        deadline = time.monotonic() + 60
        while text not in self.words:
            assert self.process.poll() is None, self.words
            assert time.monotonic() < deadline, self.words
            time.sleep(0.02)

    def processes(self) -> set[int]:
        listing = subprocess.run(["/bin/ps", "-eo", "pid=,ppid="], check=True, capture_output=True, text=True).stdout
        parents = {int(child): int(parent) for child, parent in map(str.split, listing.splitlines())}
        found = {self.process.pid}
        while more := {child for child, parent in parents.items() if parent in found} - found:
            found |= more
        return found

    def refusal(self) -> str:
        assert self.process.wait(timeout=60) == 1
        return self.words.splitlines()[-1]


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Repository:
    return Repository(tmp_path_factory.mktemp("repository"))


@pytest.fixture(scope="module")
def spare_repository(tmp_path_factory: pytest.TempPathFactory) -> Repository:
    return Repository(tmp_path_factory.mktemp("spare"))


@pytest.fixture(scope="module")
def running(repository: Repository) -> Iterator[Run]:
    with repository.run() as run:
        run.wait_for(UP)
        yield run


@pytest.mark.parametrize("shell", ["/bin/sh", "/bin/bash"])
def test_the_commands_of_the_card_work_when_pasted(running: Run, shell: str) -> None:
    created, listed = paste(running.commands, shell=shell)

    assert created["title"] == "My first item"
    assert created in listed["items"]


def test_the_demo_items_are_there(running: Run) -> None:
    (listed,) = paste([running.commands[0], running.commands[2]])

    assert "Read ARCHITECTURE.md" in {item["title"] for item in listed["items"]}


def test_every_line_of_a_piped_log_is_json(running: Run) -> None:
    messages = [json.loads(line)["message"] for line in running.log.read_text().splitlines()]

    assert "Application startup complete." in messages


def test_what_is_secret_is_readable_by_its_owner_alone(running: Run, repository: Repository) -> None:
    files = [path for end in ("secret*", "password") for path in (repository.path / ".tandem").rglob(f"*_{end}")]

    assert running.process.poll() is None
    assert {path.name: stat.S_IMODE(path.stat().st_mode) for path in files} == {
        "auth_secret_key": 0o600,
        "items_secret_key": 0o600,
        "feed_client_secret": 0o600,
        "superuser_password": 0o600,
        "postgres_password": 0o600,
    }


def test_a_second_run_at_the_same_time_is_refused(running: Run, repository: Repository) -> None:
    with repository.run() as second:
        assert f"Another run (process {running.process.pid}) already uses" in second.refusal()


def test_a_service_that_dies_is_reported_and_takes_nobody_with_it(running: Run) -> None:
    (service,) = [each for each in running.processes() if "items_service serve" in _ask_ps("args=", each)]

    os.kill(service, signal.SIGKILL)

    running.wait_for("items-service has stopped by itself (SIGKILL); the rest keeps running.")
    assert running.process.poll() is None


# It ends `running`, so it comes after the tests that use it.
def test_ctrl_c_stops_everything_also_when_a_service_has_died(running: Run) -> None:
    assert_ends(running, signal.SIGINT)


@pytest.mark.resilience
def test_the_next_run_finds_its_data(running: Run, repository: Repository) -> None:
    if running.process.poll() is None:
        assert_ends(running, signal.SIGINT)

    with repository.run() as run:
        run.wait_for(UP)

        (listed,) = paste([run.commands[0], run.commands[2]])

        assert [item["title"] for item in listed["items"]].count("Read ARCHITECTURE.md") == 1
        assert_ends(run, signal.SIGTERM)


@pytest.mark.resilience
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_a_run_that_is_still_starting(spare_repository: Repository, number: signal.Signals) -> None:
    with spare_repository.run() as run:
        run.wait_for(PREPARING)

        assert_ends(run, number)


@pytest.mark.resilience
@pytest.mark.parametrize("between", [(), (sys.executable, "-c", LIKE_MAKE)])
def test_a_closed_terminal_ends_the_run(spare_repository: Repository, between: tuple[str, ...]) -> None:
    controller, terminal = pty.openpty()
    with spare_repository.run(sys.executable, "-c", IN_A_TERMINAL, *between, *RUN, terminal=terminal) as run:
        os.close(terminal)
        run.wait_for(PREPARING)
        processes = run.processes()

        os.close(controller)

        run.process.wait(timeout=5)
        _wait_until_gone(processes)


def test_a_run_whose_output_is_closed_ends_as_well(spare_repository: Repository) -> None:
    with spare_repository.run("/bin/sh", "-c", 'exec "$@" >&-', "sh", *RUN) as run:
        run.wait_for(PREPARING)

        assert_ends(run, signal.SIGTERM)


@pytest.mark.resilience
def test_nothing_is_left_of_a_run_that_was_killed(spare_repository: Repository) -> None:
    with spare_repository.run() as run:
        run.wait_for("Migrations  ")
        processes = run.processes()

        run.process.kill()

        run.process.wait()
        _wait_until_gone(processes)


def test_a_taken_port_is_one_sentence(spare_repository: Repository) -> None:
    with socket.create_server((LOOPBACK, 0)) as server:
        port = server.getsockname()[1]

        with spare_repository.run(PORT=str(port)) as run:
            assert run.refusal().startswith(f"Port {port} is taken: ")


def test_a_wrong_port_is_one_sentence(spare_repository: Repository) -> None:
    with spare_repository.run(PORT="eighty") as run:
        assert run.refusal() == "PORT has to be a number from 1 to 65535, and it is 'eighty'."


@pytest.mark.resilience
def test_a_broken_env_file_is_one_sentence_that_names_the_setting(spare_repository: Repository) -> None:
    env_file = spare_repository.path / ".env"
    env_file.write_text("LOG_LEVEL=loud\n")
    try:
        with spare_repository.run() as run:
            assert "LOG_LEVEL" in run.refusal()
            assert "Traceback" not in run.words
    finally:
        env_file.unlink()


@pytest.mark.resilience
def test_a_database_that_is_away_is_one_sentence(spare_repository: Repository) -> None:
    with spare_repository.run(AUTH_DATABASE_URL=f"postgresql://ada@{LOOPBACK}:{free_port()}/a") as run:
        assert run.refusal().startswith("auth-service migrate failed: ")
        assert "Traceback" not in run.words


def test_data_of_another_postgresql_are_one_sentence(tmp_path: Path) -> None:
    data = tmp_path / ".tandem" / "postgres" / "data"
    data.mkdir(parents=True)
    (data / "PG_VERSION").write_text("12\n")

    with Repository(tmp_path).run() as run:
        assert "were written by PostgreSQL 12" in run.refusal()


def test_a_directory_that_is_no_checkout_is_one_sentence(tmp_path: Path) -> None:
    assert Run(tmp_path).refusal() == f"{tmp_path} is not in a checkout of this repository."


def paste(commands: list[str], *, shell: str = "/bin/sh") -> list[dict[str, Any]]:
    pasted = subprocess.run([shell, "-eu"], input="\n".join(commands), check=True, capture_output=True, text=True)
    return [json.loads(line) for line in pasted.stdout.splitlines()]


def assert_ends(run: Run, number: signal.Signals) -> None:
    processes = run.processes()
    began = time.monotonic()

    run.process.send_signal(number)

    assert run.process.wait(timeout=30) == 0
    assert time.monotonic() - began < 5
    _wait_until_gone(processes, seconds=2)


def _wait_until_gone(processes: set[int], *, seconds: float = 8) -> None:
    deadline = time.monotonic() + seconds
    while alive := {process_id for process_id in processes if _is_alive(process_id)}:
        assert time.monotonic() < deadline, alive
        time.sleep(0.02)


def _is_alive(process_id: int) -> bool:
    return _ask_ps("stat=", process_id)[:1] not in {"", "Z"}


def _ask_ps(what: str, process_id: int) -> str:
    command = ["/bin/ps", "-ww", "-o", what, "-p", str(process_id)]
    return subprocess.run(command, check=False, capture_output=True, text=True).stdout
