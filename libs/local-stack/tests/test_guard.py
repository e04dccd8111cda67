import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

from local_stack.guard import Guard
from local_stack.guard_process import watched_groups

Eventually = Callable[[Callable[[], bool]], bool]
ProcessesNaming = Callable[[object], list[str]]
StartProcess = Callable[..., subprocess.Popen[str]]

START_ONE_AND_WAIT = """
import subprocess, sys, time
from local_stack.guard import Guard
guard = Guard()
subprocess.Popen(guard.command(*sys.argv[1:]), pass_fds=guard.pass_fds, start_new_session=True)
print("watched", flush=True)
time.sleep(60)
"""
IGNORE_SIGTERM = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(60)"


def test_a_watched_group_ends_with_a_killed_runner(
    start_process: StartProcess, eventually: Eventually, processes_naming: ProcessesNaming
) -> None:
    runner = start_process(sys.executable, "-c", START_ONE_AND_WAIT, "/bin/sleep", "61.25")
    assert runner.stdout is not None
    assert runner.stdout.readline() == "watched\n"

    runner.kill()

    assert eventually(lambda: processes_naming("sleep 61.25") == [])


def test_a_group_that_ignores_the_signal_is_killed(
    start_process: StartProcess, eventually: Eventually, processes_naming: ProcessesNaming
) -> None:
    child = IGNORE_SIGTERM + "  # ignores the guard"
    runner = start_process(sys.executable, "-c", START_ONE_AND_WAIT, sys.executable, "-c", child)
    assert runner.stdout is not None
    assert runner.stdout.readline() == "watched\n"

    runner.kill()

    assert eventually(lambda: processes_naming("# ignores the guard") == [])


def test_a_group_ends_by_the_signal_that_was_asked_for(start_process: StartProcess) -> None:
    guard = Guard()
    child = start_process(*guard.command("/bin/sleep", "60", stop_signal=signal.SIGINT), pass_fds=guard.pass_fds)
    closing = threading.Thread(target=guard.close)

    closing.start()

    assert child.wait(timeout=3) == -signal.SIGINT
    closing.join()


def test_a_forgotten_group_is_left_alone(start_process: StartProcess, eventually: Eventually) -> None:
    guard = Guard()
    child = start_process(*guard.command("/bin/sleep", "62.75"), pass_fds=guard.pass_fds)
    assert eventually(lambda: Path(f"/proc/{child.pid}/cmdline").read_text() == "/bin/sleep\x0062.75\x00")
    guard.forget(child.pid)

    guard.close()

    assert child.poll() is None


def test_a_process_starts_and_ends_also_when_the_guard_is_gone(start_process: StartProcess) -> None:
    guard = Guard()
    os.kill(guard.process_id, signal.SIGKILL)

    child = start_process(*guard.command("/bin/echo", "started"), pass_fds=guard.pass_fds)

    assert child.stdout is not None
    assert child.stdout.read() == "started\n"
    guard.forget(child.pid)
    guard.close()


def test_forgetting_an_unknown_group_changes_nothing() -> None:
    assert watched_groups(["watch 5 15\n", "forget 6 0\n", "watch 7 2\n"]) == {5: 15, 7: 2}
