import os
import stat
from pathlib import Path

import pytest

from local_stack.errors import LocalStackError
from local_stack.state import StateDirectory


def test_a_secret_is_made_once(tmp_path: Path) -> None:
    first = StateDirectory(tmp_path).secret("key")

    assert StateDirectory(tmp_path).secret("key") == first
    assert StateDirectory(tmp_path).secret("other") != first
    assert len(first) >= 32


def test_a_secret_is_readable_by_its_owner_alone(tmp_path: Path) -> None:
    StateDirectory(tmp_path).secret("key")

    assert stat.S_IMODE((tmp_path / "key").stat().st_mode) == 0o600


def test_a_run_killed_while_it_wrote_a_secret_leaves_no_half_of_it(tmp_path: Path) -> None:
    (tmp_path / "key.unfinished").write_text("ha")

    assert len(StateDirectory(tmp_path).secret("key")) >= 32


def test_a_second_run_is_refused_and_told_who_holds_the_directory(tmp_path: Path) -> None:
    with (
        StateDirectory(tmp_path).locked(),
        pytest.raises(LocalStackError, match=rf"process {os.getpid()}\) already uses"),
        StateDirectory(tmp_path).locked(),
    ):
        pass


def test_the_next_run_gets_the_directory(tmp_path: Path) -> None:
    with StateDirectory(tmp_path / "new").locked():
        pass

    with StateDirectory(tmp_path / "new").locked():
        assert (tmp_path / "new").is_dir()


def test_a_directory_that_cant_be_made_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with (
        pytest.raises(LocalStackError, match="can't be used to keep the data"),
        StateDirectory(tmp_path / "file").locked(),
    ):
        pass


def test_a_marker_is_remembered(tmp_path: Path) -> None:
    state = StateDirectory(tmp_path)
    assert not state.has_marker("seeded")

    state.set_marker("seeded")

    assert StateDirectory(tmp_path).has_marker("seeded")
