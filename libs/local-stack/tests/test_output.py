import json
import os
import pty
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from local_stack.output import Output


def shown(tmp_path: Path, use: Callable[[Output], object], *, terminal: bool | None = None) -> str:
    with (tmp_path / "shown").open("wb") as file:
        output = Output(log=file.fileno(), notes=file.fileno(), terminal=terminal)
        use(output)
        output.close()
    return (tmp_path / "shown").read_text()


def test_a_services_json_line_passes_unchanged(tmp_path: Path) -> None:
    line = b'{"message":  "as it is", "level": "info"}'

    assert shown(tmp_path, lambda output: output.log("auth-service", line)) == line.decode() + "\n"


def test_any_other_line_becomes_json_that_names_the_service(tmp_path: Path) -> None:
    text = shown(tmp_path, lambda output: output.log("gateway", b'not "json" \xff'))

    entry = json.loads(text)
    assert entry["service"] == "gateway"
    assert entry["message"] == 'not "json" �'
    assert set(entry) == {"timestamp", "level", "logger", "service", "message"}


def test_on_a_terminal_each_line_begins_with_the_services_name_in_its_own_colour(tmp_path: Path) -> None:
    def use(output: Output) -> None:
        output.log("auth-service", b"one")
        output.log("items-service", b"two")

    lines = shown(tmp_path, use, terminal=True).splitlines()

    assert [re.sub(r"\x1b\[\d+m", "", line) for line in lines] == ["auth-service  | one", "items-service | two"]
    assert lines[0][:5] != lines[1][:5]


def test_no_color_is_respected(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")

    text = shown(tmp_path, lambda output: output.log("gateway", b"plain"), terminal=True)

    assert text == "gateway       | plain\n"


def test_a_terminal_is_recognised() -> None:
    controller, terminal = pty.openpty()

    output = Output(log=terminal, notes=terminal)
    output.close()

    assert output.is_terminal
    os.close(controller)
    os.close(terminal)


def test_a_note_is_shown_as_it_is(tmp_path: Path) -> None:
    assert shown(tmp_path, lambda output: output.note("PostgreSQL is up")) == "PostgreSQL is up\n"


def test_nothing_is_lost_on_a_non_blocking_descriptor() -> None:
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    output = Output(log=writer, notes=writer)
    for _ in range(100):
        assert output.log("service", b"{" + b"x" * 2000 + b"}")

    received = b""
    while len(received) < 100 * 2003:
        received += os.read(reader, 65536)

    output.close()
    assert received == (b"{" + b"x" * 2000 + b"}\n") * 100
    os.close(reader)
    os.close(writer)


def test_a_full_queue_asks_to_come_again_until_the_shutdown() -> None:
    reader, writer = os.pipe()
    output = Output(log=writer, notes=writer)
    line = b"x" * 1000
    while output.log("service", line):
        pass

    output.stop_waiting()

    assert output.log("service", line)
    os.close(reader)
    output.close()
    os.close(writer)
