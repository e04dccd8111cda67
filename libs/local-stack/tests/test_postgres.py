import os
import signal
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import asyncpg
import pytest

from local_stack.errors import LocalStackError
from local_stack.postgres import PostgresServer, throw_away_postgres

# The tests share one data directory.
Eventually = Callable[[Callable[[], bool]], bool]
ProcessesNaming = Callable[[object], list[str]]
StartProcess = Callable[..., subprocess.Popen[str]]

RUN_UNTIL_KILLED = """
import sys, time
from pathlib import Path
from local_stack.postgres import PostgresServer
server = PostgresServer(Path(sys.argv[1]), durable=False)
server.start()
print(server.url("postgres"), flush=True)
time.sleep(60)
"""


@pytest.fixture(scope="module")
def data_directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data directory on which the tests of this file start their servers, one after the other."""
    return tmp_path_factory.mktemp("postgres") / "data"


@pytest.fixture
def server(data_directory: Path) -> Iterator[PostgresServer]:
    with PostgresServer(data_directory, durable=False) as server:
        yield server


async def query(server: PostgresServer, sql: str, *, database: str = "postgres") -> object:
    connection = await asyncpg.connect(server.url(database))
    try:
        return await connection.fetchval(sql)
    finally:
        await connection.close()


async def test_data_survive_a_restart(server: PostgresServer) -> None:
    await query(server, "CREATE TABLE kept AS SELECT 42 AS answer")

    server.stop()
    server.start()

    assert await query(server, "SELECT answer FROM kept") == 42


async def test_creating_a_database_twice_leaves_it_as_it_is(server: PostgresServer) -> None:
    server.create_database("items")
    await query(server, "CREATE TABLE kept ()", database="items")

    server.create_database("items")

    assert await query(server, "SELECT to_regclass('kept')", database="items") == "kept"


def test_an_impossible_database_name_is_one_sentence(server: PostgresServer) -> None:
    with pytest.raises(LocalStackError, match="could not create the database"):
        server.create_database("")


async def test_a_url_without_the_password_is_refused(server: PostgresServer) -> None:
    url = server.url("postgres")
    password = url.split(":")[2].split("@")[0]

    with pytest.raises(asyncpg.InvalidPasswordError):
        await asyncpg.connect(url.replace(password, "wrong"))


def test_the_password_is_readable_by_its_owner_alone(server: PostgresServer, data_directory: Path) -> None:
    password_file = data_directory.with_name("postgres_password")

    assert server.is_running
    assert stat.S_IMODE(password_file.stat().st_mode) == 0o600


def test_the_password_is_on_no_command_line(server: PostgresServer, processes_naming: ProcessesNaming) -> None:
    password = server.url("postgres").split(":")[2].split("@")[0]

    assert processes_naming(password) == []


async def test_text_is_sorted_and_folded_alike_on_every_machine(server: PostgresServer) -> None:
    assert await query(server, "SELECT current_setting('server_encoding')") == "UTF8"
    assert await query(server, "SELECT lower('ÄÉ')") == "äé"


async def test_a_postgres_setting_in_the_developers_shell_changes_nothing(
    server: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGOPTIONS", "-c search_path=nowhere")
    monkeypatch.setenv("PGPORT", "1")

    server.create_database("another")

    assert await query(server, "SELECT 1", database="another") == 1


def test_no_process_is_left_after_stop(
    server: PostgresServer, data_directory: Path, processes_naming: ProcessesNaming
) -> None:
    assert processes_naming(data_directory)

    server.stop()

    assert processes_naming(data_directory) == []
    assert not server.is_running


async def test_stopping_does_not_wait_for_open_sessions(server: PostgresServer) -> None:
    connection = await asyncpg.connect(server.url("postgres"))
    began = time.monotonic()

    server.stop()

    assert time.monotonic() - began < 3
    connection.terminate()


def test_a_server_that_hangs_is_killed_in_time(server: PostgresServer, data_directory: Path) -> None:
    process_id = int((data_directory / "postmaster.pid").read_text().splitlines()[0])
    os.kill(process_id, signal.SIGSTOP)
    began = time.monotonic()

    server.stop()

    assert time.monotonic() - began < 3.5
    assert not server.is_running


def test_a_stop_from_another_thread_ends_a_start(data_directory: Path) -> None:
    server = PostgresServer(data_directory, durable=False)
    starting = threading.Thread(target=_start_quietly, args=(server,))
    starting.start()

    server.stop()
    starting.join(timeout=10)
    server.stop()

    assert not server.is_running


def _start_quietly(server: PostgresServer) -> None:
    try:
        server.start()
    except LocalStackError:
        return


def test_data_of_another_major_version_are_refused_in_one_sentence(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    (data / "PG_VERSION").write_text("9\n")

    with pytest.raises(LocalStackError, match=r"were written by PostgreSQL 9, and this is PostgreSQL \d+"):
        PostgresServer(data).start()


def test_somebody_elses_directory_is_left_alone(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    (data / "thesis.txt").write_text("the only copy")

    with pytest.raises(LocalStackError, match="is not empty"):
        PostgresServer(data).start()

    assert (data / "thesis.txt").read_text() == "the only copy"


def test_a_taken_port_is_refused_in_one_sentence(server: PostgresServer, tmp_path: Path) -> None:
    port = int(server.url("x").rpartition(":")[2].partition("/")[0])

    with pytest.raises(LocalStackError, match=f"Port {port} for PostgreSQL is taken"):
        PostgresServer(tmp_path / "data", durable=False, port=port).start()


def test_a_broken_configuration_is_one_sentence_with_the_servers_reason(data_directory: Path) -> None:
    configuration = data_directory / "postgresql.auto.conf"
    original = configuration.read_text()
    configuration.write_text("no_such_setting = 1\n")
    try:
        with pytest.raises(LocalStackError, match=r"did not start: .*postgresql.auto.conf.* contains errors"):
            PostgresServer(data_directory, durable=False).start()
    finally:
        configuration.write_text(original)


def test_a_server_left_by_a_killed_run_is_stopped_and_its_data_found(
    data_directory: Path, start_process: StartProcess, processes_naming: ProcessesNaming
) -> None:
    runner = start_process(sys.executable, "-c", RUN_UNTIL_KILLED, str(data_directory))
    assert runner.stdout is not None
    assert runner.stdout.readline().startswith("postgresql://")
    runner.kill()

    with PostgresServer(data_directory, durable=False) as server:
        assert server.is_running

    assert processes_naming(data_directory) == []


def test_a_server_ends_with_the_run_that_was_killed(
    data_directory: Path, start_process: StartProcess, processes_naming: ProcessesNaming, eventually: Eventually
) -> None:
    runner = start_process(sys.executable, "-c", RUN_UNTIL_KILLED, str(data_directory))
    assert runner.stdout is not None
    assert runner.stdout.readline().startswith("postgresql://")

    runner.kill()

    assert eventually(lambda: processes_naming(data_directory) == [])


def test_a_process_that_got_the_number_of_a_dead_server_is_left_alone(
    data_directory: Path, start_process: StartProcess
) -> None:
    bystander = start_process("/bin/sleep", "60")
    (data_directory / "postmaster.pid").write_text(f"{bystander.pid}\n{data_directory}\n0\n0\n\n\n0 0\nready   \n")

    with PostgresServer(data_directory, durable=False) as server:
        assert server.is_running

    assert bystander.poll() is None


def test_a_run_killed_while_it_made_the_data_is_begun_anew(tmp_path: Path) -> None:
    unfinished = tmp_path / "data.unfinished"
    unfinished.mkdir()
    (unfinished / "PG_VERSION").write_text("18\n")

    with PostgresServer(tmp_path / "data", durable=False) as server:
        assert server.is_running


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can close a directory to the user that runs PostgreSQL")
def test_root_may_keep_the_data_where_only_root_may_go(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)

    with PostgresServer(closed / "below" / "data", durable=False) as server:
        assert server.is_running

    assert stat.S_IMODE(closed.stat().st_mode) == 0o700


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can copy files as another owner")
def test_data_copied_by_root_are_given_back_to_the_user_that_runs_postgresql(data_directory: Path) -> None:
    for path in (data_directory, *data_directory.rglob("*")):
        os.chown(path, 0, 0, follow_symlinks=False)

    with PostgresServer(data_directory, durable=False) as server:
        assert server.is_running


def test_a_throw_away_server_leaves_no_file_behind() -> None:
    with throw_away_postgres() as server:
        directory = server.data_directory.parent
        assert directory.exists()

    assert not directory.exists()
