"""`make observe` and `make pictures`, when there is nothing to see."""

from pathlib import Path

import pytest

from local_stack.errors import LocalStackError
from local_stack.ports import LOOPBACK, free_port
from observability.__main__ import main
from observability.observing import draw_pictures, observe


def test_without_a_pair_it_says_to_start_one(tmp_path: Path) -> None:
    with pytest.raises(LocalStackError, match="make run"):
        observe(tmp_path, port=free_port())


def test_without_a_prometheus_it_says_to_start_one(tmp_path: Path) -> None:
    with pytest.raises(LocalStackError, match="make observe"):
        draw_pictures(tmp_path, url=f"http://{LOOPBACK}:{free_port()}")


def test_a_failure_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", ["observability", "pictures", "--port", str(free_port())])

    exit_code = main()

    assert exit_code == 1
    assert capsys.readouterr().err.count("\n") == 1
