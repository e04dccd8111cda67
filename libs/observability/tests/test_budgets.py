"""Budgets: when a load test has broken an objective, and what it says then."""

from pathlib import Path

import pytest

from observability.budgets import Budget, load_test_budgets
from observability.generation import OBJECTIVES_FILE

REPOSITORY = Path(__file__).parents[3]


@pytest.fixture
def budgets() -> dict[str, Budget]:
    return {budget.objective.name: budget for budget in load_test_budgets(REPOSITORY / OBJECTIVES_FILE)}


def test_every_objective_about_requests_is_a_budget(budgets: dict[str, Budget]) -> None:
    assert set(budgets) == {
        "login-availability",
        "login-latency",
        "items-availability",
        "items-read-latency",
        "items-write-latency",
    }


@pytest.mark.parametrize("status_code", [0, 500, 503])
def test_requests_without_a_good_answer_break_an_availability(budgets: dict[str, Budget], status_code: int) -> None:
    budget = budgets["items-availability"]

    for answer in [status_code] * 2 + [200] * 998:
        budget.count(method="GET", route="/api/v1/items", status_code=answer, seconds=0.01)

    assert budget.breach() == "items-availability: 2 of 1000 requests (0.20%) failed, where 0.10% may"


def test_refusals_are_good_answers(budgets: dict[str, Budget]) -> None:
    budget = budgets["login-availability"]

    for answer in (200, 400, 429):
        budget.count(method="POST", route="/api/v1/auth/login", status_code=answer, seconds=0.03)

    assert (budget.total, budget.bad, budget.breach()) == (3, 0, None)


@pytest.mark.parametrize(("slow", "broken"), [(1, False), (2, True)])
def test_one_of_a_hundred_answers_may_be_slow(budgets: dict[str, Budget], slow: int, *, broken: bool) -> None:
    budget = budgets["items-read-latency"]

    for seconds in [0.2] * slow + [0.1] * (100 - slow):
        budget.count(method="GET", route="/api/v1/items/{item_id}", status_code=200, seconds=seconds)

    assert (budget.breach() is not None) is broken


def test_slow_failures_count_as_failures_only(budgets: dict[str, Budget]) -> None:
    budget = budgets["items-read-latency"]

    budget.count(method="GET", route="/api/v1/items", status_code=503, seconds=3)

    assert budget.total == 0
    assert budget.breach() is None


def test_other_requests_do_not_count(budgets: dict[str, Budget]) -> None:
    budget = budgets["items-write-latency"]

    budget.count(method="GET", route="/api/v1/items", status_code=200, seconds=3)

    assert budget.total == 0
