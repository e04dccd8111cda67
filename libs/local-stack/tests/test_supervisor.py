import asyncio
import json
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest

from local_stack.child import Child, Command
from local_stack.guard import Guard
from local_stack.output import Output
from local_stack.supervisor import Supervisor

Eventually = Callable[[Callable[[], bool]], bool]
ProcessesNaming = Callable[[object], list[str]]

IGNORE_SIGTERM = """
import signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("ready", flush=True)
time.sleep(60)
"""
START_A_HELPER = """
import subprocess, time
subprocess.Popen(["/bin/sleep", "62.5"])
print("ready", flush=True)
time.sleep(60)
"""


@pytest.fixture
def log_file(tmp_path: Path) -> Path:
    return tmp_path / "shown"


@pytest.fixture
def output(log_file: Path) -> Iterator[Output]:
    with log_file.open("wb") as file:
        output = Output(log=file.fileno(), notes=file.fileno())
        yield output
        output.close()


@pytest.fixture
async def supervisor(output: Output, guard: Guard) -> AsyncIterator[Supervisor]:
    supervisor = Supervisor(output=output, guard=guard)
    yield supervisor
    await supervisor.stop_all()


def python(code: str, *, name: str = "service") -> Command:
    return Command(name=name, arguments=[sys.executable, "-c", code], directory=Path("/"))


def text_of(log_file: Path) -> str:
    return log_file.read_text()


async def shows(log_file: Path, text: str) -> bool:
    for _ in range(400):
        if text in text_of(log_file):
            return True
        await asyncio.sleep(0.02)
    return False


async def test_lines_of_a_process_are_shown(supervisor: Supervisor, log_file: Path) -> None:
    await supervisor.start(python("""print('{"message": "hello"}')"""))

    assert await shows(log_file, '{"message": "hello"}\n')


async def test_standard_error_is_shown_as_well(supervisor: Supervisor, log_file: Path) -> None:
    await supervisor.start(python("import sys; sys.stderr.write('went wrong')"))

    assert await shows(log_file, '"went wrong"')


async def test_an_endless_line_is_shown_in_pieces(supervisor: Supervisor, log_file: Path) -> None:
    child = await supervisor.start(python("print('x' * 1_000_000)"))
    await child.wait()

    assert await shows(log_file, "has stopped by itself")

    entries = [json.loads(line) for line in text_of(log_file).splitlines() if line.startswith("{")]
    assert sum(len(entry["message"]) for entry in entries) == 1_000_000


async def test_a_process_that_ignores_sigterm_is_stopped_within_five_seconds(
    supervisor: Supervisor, log_file: Path
) -> None:
    child = await supervisor.start(python(IGNORE_SIGTERM))
    await shows(log_file, "ready")
    began = time.monotonic()

    await supervisor.stop_all()

    assert time.monotonic() - began < 5
    assert child.exit_code == -signal.SIGKILL


async def test_what_a_process_has_started_is_stopped_with_it(
    supervisor: Supervisor, log_file: Path, processes_naming: ProcessesNaming
) -> None:
    await supervisor.start(python(START_A_HELPER))
    await shows(log_file, "ready")

    await supervisor.stop_all()

    assert processes_naming("sleep 62.5") == []


async def test_a_process_that_dies_is_reported_in_one_line_and_its_rest_removed(
    supervisor: Supervisor, log_file: Path, processes_naming: ProcessesNaming, eventually: Eventually
) -> None:
    child = await supervisor.start(python(START_A_HELPER, name="items-service"))
    await shows(log_file, "ready")

    os.kill(child.pid, signal.SIGKILL)

    assert await shows(log_file, "items-service has stopped by itself (SIGKILL); the rest keeps running.\n")
    assert eventually(lambda: processes_naming("sleep 62.5") == [])


async def test_the_others_keep_running_when_one_dies(supervisor: Supervisor, log_file: Path) -> None:
    other = await supervisor.start(python(IGNORE_SIGTERM, name="auth-service"))
    await supervisor.start(python("raise SystemExit(3)", name="items-service"))

    assert await shows(log_file, "items-service has stopped by itself (exit code 3)")

    assert other.exit_code is None
    supervisor.kill_all()


async def test_a_stopped_process_is_not_reported_as_dead(supervisor: Supervisor, log_file: Path) -> None:
    await supervisor.start(python(START_A_HELPER))
    await shows(log_file, "ready")

    await supervisor.stop("service")

    assert "by itself" not in text_of(log_file)


async def test_a_process_can_be_started_in_the_place_of_a_dead_one(supervisor: Supervisor, log_file: Path) -> None:
    await supervisor.start(python("raise SystemExit(3)"))
    await shows(log_file, "by itself")

    second = await supervisor.start(python(START_A_HELPER))

    assert await shows(log_file, "ready")
    assert supervisor.children == {"service": second}


async def test_a_second_request_to_stop_waits_for_nobody(supervisor: Supervisor, log_file: Path) -> None:
    child = await supervisor.start(python(IGNORE_SIGTERM))
    await shows(log_file, "ready")
    began = time.monotonic()
    stopping = asyncio.create_task(supervisor.stop_all())
    await asyncio.sleep(0.1)

    supervisor.kill_all()
    await stopping

    assert time.monotonic() - began < 2
    assert child.exit_code == -signal.SIGKILL


async def test_a_command_is_run_to_its_end(supervisor: Supervisor) -> None:
    code = "import sys; print(input()); sys.stderr.write('careful'); sys.exit(3)"

    finished = await supervisor.run(python(code), standard_input="secret\n")

    assert (finished.exit_code, finished.output, finished.errors) == (3, "secret\n", "careful")


async def test_a_command_ends_with_the_person_who_waits_for_it(
    supervisor: Supervisor, processes_naming: ProcessesNaming
) -> None:
    running = asyncio.create_task(supervisor.run(python("import time; time.sleep(60)  # is cancelled")))
    await asyncio.sleep(0.3)

    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running

    assert processes_naming("# is cancelled") == []


async def test_a_reader_that_has_gone_stops_nothing(guard: Guard) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    output = Output(log=writer, notes=writer)
    supervisor = Supervisor(output=output, guard=guard)
    child = await _talkative(supervisor)

    await supervisor.stop_all()

    assert child.exit_code == -signal.SIGTERM
    output.close()
    os.close(writer)


async def test_a_reader_that_has_stopped_reading_holds_up_no_shutdown(guard: Guard) -> None:
    reader, writer = os.pipe()
    output = Output(log=writer, notes=writer)
    supervisor = Supervisor(output=output, guard=guard)
    child = await _talkative(supervisor)
    began = time.monotonic()

    await supervisor.stop_all()
    output.close()

    assert time.monotonic() - began < 5
    assert child.exit_code == -signal.SIGTERM
    os.close(reader)
    os.close(writer)


async def _talkative(supervisor: Supervisor) -> Child:
    child = await supervisor.start(python("while True: print('x' * 1000)"))
    await asyncio.sleep(0.5)
    assert child.exit_code is None
    return child
