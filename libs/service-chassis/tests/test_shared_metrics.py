"""The directory through which workers share metrics: empty at the start, and gone in the end if nobody gave it."""

import os
from pathlib import Path

import pytest

from service_chassis.shared_metrics import measure_this_process_alone, shared_metrics_directory

DIRECTORY = "PROMETHEUS_MULTIPROC_DIR"


def test_a_directory_that_nobody_gave_is_made_named_and_removed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(DIRECTORY, "")  # so that it is gone after the test, whoever sets it meanwhile
    monkeypatch.delenv(DIRECTORY)

    with shared_metrics_directory() as directory:
        named, exists = os.environ[DIRECTORY], directory.is_dir()

    assert (named, exists, directory.exists()) == (str(directory), True, False)


def test_a_given_directory_is_kept_and_loses_what_a_killed_process_left_in_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    given = tmp_path / "metrics"
    given.mkdir()
    for name in ("counter_1.db", "something else"):
        (given / name).touch()
    monkeypatch.setenv(DIRECTORY, str(given))

    with shared_metrics_directory() as directory:
        assert directory == given

    assert [path.name for path in given.iterdir()] == ["something else"]


def test_a_process_that_is_measured_alone_shares_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(DIRECTORY, str(tmp_path))

    measure_this_process_alone()

    assert DIRECTORY not in os.environ
