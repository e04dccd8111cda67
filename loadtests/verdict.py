"""Judges a run by the objectives, and says when the generator rather than the pair was the limit."""

import sys
import time
from pathlib import Path
from typing import Any

import gevent
from locust.env import Environment
from locust.runners import WorkerRunner

from observability.budgets import Budget, load_test_budgets

SLO_FILE = Path(__file__).parents[1] / "deploy" / "observability" / "slo.yaml"
BROKEN, UNSOUND = 1, 3
LAG_INTERVAL_SECONDS = 0.1
# Later than this, what the generator measures is itself.
MAXIMUM_LAG_SECONDS = 0.25


class Verdict:
    """Counts every request of this process for the objectives; the master adds up what its workers counted."""

    def __init__(self, environment: Environment) -> None:
        self._environment = environment
        self._budgets: dict[str, Budget] = {budget.objective.name: budget for budget in load_test_budgets(SLO_FILE)}
        self._maximum_lag_seconds = 0.0
        events = environment.events
        events.request.add_listener(self._count)
        events.report_to_master.add_listener(self._report)
        events.worker_report.add_listener(self._add_report)
        events.quitting.add_listener(self._pronounce)
        gevent.spawn(self._watch_lag)

    def _count(self, *, request_type: str, name: str, response_time: float, **more: Any) -> None:
        status_code = getattr(more.get("response"), "status_code", 0) or 0
        for budget in self._budgets.values():
            budget.count(method=request_type, route=name, status_code=status_code, seconds=response_time / 1000)

    def _report(self, data: dict[str, Any], **_: Any) -> None:
        data["budgets"] = {name: (budget.total, budget.bad) for name, budget in self._budgets.items()}
        data["maximum_lag_seconds"] = self._maximum_lag_seconds
        for budget in self._budgets.values():
            budget.total = budget.bad = 0

    def _add_report(self, data: dict[str, Any], **_: Any) -> None:
        self._maximum_lag_seconds = max(self._maximum_lag_seconds, data["maximum_lag_seconds"])
        for name, (total, bad) in data["budgets"].items():
            self._budgets[name].total += total
            self._budgets[name].bad += bad

    def _pronounce(self, **_: Any) -> None:
        if isinstance(self._environment.runner, WorkerRunner):
            return
        breaches = [breach for budget in self._budgets.values() if (breach := budget.breach()) is not None]
        failures = self._environment.stats.total.num_failures
        for breach in breaches:
            sys.stderr.write(f"Broken: {breach}.\n")
        if failures:
            sys.stderr.write(f"Wrong answers: {failures}, see above.\n")
        if self._generator_was_the_limit():
            sys.stderr.write("The generator was the limit, so these figures say nothing about the pair.\n")
            self._environment.process_exit_code = UNSOUND
        elif breaches or failures:
            self._environment.process_exit_code = BROKEN
        else:
            sys.stderr.write("Every objective was kept.\n")
            self._environment.process_exit_code = 0

    def _generator_was_the_limit(self) -> bool:
        runner = self._environment.runner
        busy = getattr(runner, "cpu_warning_emitted", False) or getattr(runner, "worker_cpu_warning_emitted", False)
        return bool(busy) or self._maximum_lag_seconds > MAXIMUM_LAG_SECONDS

    def _watch_lag(self) -> None:
        while True:
            before = time.monotonic()
            gevent.sleep(LAG_INTERVAL_SECONDS)
            lag_seconds = time.monotonic() - before - LAG_INTERVAL_SECONDS
            self._maximum_lag_seconds = max(self._maximum_lag_seconds, lag_seconds)
