"""The objectives: what the file may say."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import ValidationError

from observability.objectives import Latency, Objectives, read_objectives

LATENCY = {
    "name": "item-latency",
    "service": "items-service",
    "description": "Items come soon.",
    "kind": "latency",
    "percent": 99,
    "threshold_seconds": 0.1,
    "methods": ["GET"],
    "routes": "/api/v1/items.*",
}


def with_objectives(*objectives: dict[str, Any]) -> dict[str, Any]:
    return {"period": "30d", "minimum_bad_events": 10, "objectives": list(objectives)}


def test_the_file_is_read(tmp_path: Path) -> None:
    file = tmp_path / "slo.yaml"
    file.write_text(yaml.safe_dump(with_objectives(LATENCY)))

    objectives = read_objectives(file)

    objective = objectives.named("item-latency")
    assert isinstance(objective, Latency)
    assert objective.budget == 0.01
    assert objectives.of_service("items-service") == [objective]
    assert objectives.of_service("auth-service") == []


@pytest.mark.parametrize(
    ("method", "route", "covered"),
    [
        ("GET", "/api/v1/items", True),
        ("GET", "/api/v1/items/{item_id}", True),
        ("POST", "/api/v1/items", False),
        ("GET", "/docs/api/v1/items", False),
    ],
)
def test_an_objective_covers_its_methods_and_whole_routes(method: str, route: str, *, covered: bool) -> None:
    assert Latency.model_validate(LATENCY).covers(method, route) is covered


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"threshold_seconds": 0.2}, "one of the histogram's buckets"),
        ({"percent": 100}, "less than 100"),
        ({"routes": "/items("}, "no regular expression"),
        ({"service": "mail-service"}, "auth-service"),
        ({"methods": []}, "at least 1 item"),
        ({"kind": "beauty"}, "availability"),
        ({"name": "Item Latency"}, "match pattern"),
        ({"treshold": 1}, "not permitted"),
    ],
)
def test_what_makes_no_sense_is_refused(change: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ValidationError, match=complaint):
        Objectives.model_validate(with_objectives({**LATENCY, **change}))


def test_two_objectives_of_one_name_are_refused() -> None:
    with pytest.raises(ValidationError, match="item-latency"):
        Objectives.model_validate(with_objectives(LATENCY, LATENCY))
