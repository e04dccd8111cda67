"""What a load test may spend: each objective counts the requests of one run and says when it is broken."""

from pathlib import Path

from observability.objectives import Availability, Freshness, Latency, read_objectives

NO_ANSWER = 0
FIRST_SERVER_ERROR = 500


class Budget:
    """The error budget of one objective, spent by the requests that are counted."""

    def __init__(self, objective: Availability | Latency) -> None:
        self.objective = objective
        self.total = 0
        self.bad = 0

    def count(self, *, method: str, route: str, status_code: int, seconds: float) -> None:
        """Count one request; a status code of 0 says that no answer came."""
        if not self.objective.covers(method, route):
            return
        failed = status_code == NO_ANSWER or status_code >= FIRST_SERVER_ERROR
        if isinstance(self.objective, Latency):
            self.total += not failed
            self.bad += not failed and seconds > self.objective.threshold_seconds
        else:
            self.total += 1
            self.bad += failed

    def breach(self) -> str | None:
        """Say by how much the objective is broken, or nothing while it is kept."""
        if self.bad <= self.total * self.objective.budget:
            return None
        what = "failed"
        if isinstance(self.objective, Latency):
            what = f"took longer than {self.objective.threshold_seconds:g} s"
        return (
            f"{self.objective.name}: {self.bad} of {self.total} requests ({self.bad / self.total:.2%}) {what}, "
            f"where {self.objective.budget:.2%} may"
        )


def load_test_budgets(objectives_file: Path) -> list[Budget]:
    """Return a budget for each objective that a load test can judge; how fresh revocations are it can't see."""
    objectives = read_objectives(objectives_file).objectives
    return [Budget(objective) for objective in objectives if not isinstance(objective, Freshness)]
