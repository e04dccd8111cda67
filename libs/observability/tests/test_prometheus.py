"""The Prometheus beside the pair: what it says when it can't run."""

import shutil
from pathlib import Path

import pytest

from local_stack.errors import LocalStackError
from observability.prometheus import PrometheusSettings, running_prometheus

needs_prometheus = pytest.mark.skipif(shutil.which("prometheus") is None, reason="Prometheus is not installed")


def settings(directory: Path, *, rule: str = "groups: []") -> PrometheusSettings:
    return PrometheusSettings(directory=directory, targets_file=directory / "targets.json", rules={"rule.yaml": rule})


def test_without_prometheus_it_says_how_to_install_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(LocalStackError, match="apt install prometheus"), running_prometheus(settings(tmp_path)):
        pass


@needs_prometheus
def test_rules_that_make_no_sense_are_reported(tmp_path: Path) -> None:
    nonsense = "groups: [{name: a, rules: [{record: a, expr: 'sum('}]}]"

    with pytest.raises(LocalStackError, match="did not start"), running_prometheus(settings(tmp_path, rule=nonsense)):
        pass


@needs_prometheus
def test_a_query_that_makes_no_sense_is_refused(tmp_path: Path) -> None:
    with running_prometheus(settings(tmp_path)) as prometheus, pytest.raises(ValueError, match="parse error"):
        prometheus.query_range("sum(", start=0, end=1, step_seconds=1)
