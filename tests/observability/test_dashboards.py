"""Dashboards: one screen each, every panel explained, and nothing tied to one Grafana."""

import itertools
import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from observability.generation import FOLDER, OBJECTIVES_FILE
from observability.objectives import Availability, read_objectives

REPOSITORY = Path(__file__).parents[2]
FILES = sorted((REPOSITORY / FOLDER / "dashboards").glob("*.json"))
COLUMNS = 24
# What fits on a screen of 1080 lines, at 38 of them to a row.
ROWS = 24
CLUSTER_METRIC = re.compile(r"\b(?:kube|container)_\w+")

every_dashboard = pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)


def read(file: Path) -> dict[str, Any]:
    dashboard: dict[str, Any] = json.loads(file.read_text())
    return dashboard


def expressions(panel: dict[str, Any]) -> list[str]:
    return [target["expr"] for target in panel["targets"]]


def cells(panel: dict[str, Any]) -> set[tuple[int, int]]:
    grid = panel["gridPos"]
    columns, rows = range(grid["x"], grid["x"] + grid["w"]), range(grid["y"], grid["y"] + grid["h"])
    return set(itertools.product(columns, rows))


def thresholds_of(file_name: str) -> set[float]:
    panels = read(REPOSITORY / FOLDER / "dashboards" / file_name)["panels"]
    return {step["value"] for panel in panels for step in panel["fieldConfig"]["defaults"]["thresholds"]["steps"]}


def test_the_four_dashboards_have_names_that_stay() -> None:
    assert {file.stem: read(file)["uid"] for file in FILES} == {
        "overview": "tandem-overview",
        "auth-service": "tandem-auth-service",
        "items-service": "tandem-items-service",
        "runtime": "tandem-runtime",
    }


@every_dashboard
def test_every_panel_says_what_it_shows_and_in_which_unit(file: Path) -> None:
    for panel in read(file)["panels"]:
        assert panel["title"], panel["id"]
        assert panel["description"].endswith("."), panel["title"]
        assert panel["fieldConfig"]["defaults"]["unit"], panel["title"]
        assert expressions(panel), panel["title"]


@every_dashboard
def test_a_dashboard_fits_on_one_screen_and_no_panel_covers_another(file: Path) -> None:
    panels = read(file)["panels"]
    taken = [cell for panel in panels for cell in cells(panel)]

    assert len({panel["id"] for panel in panels}) == len(panels)
    assert len({panel["title"] for panel in panels}) == len(panels)
    assert len(set(taken)) == len(taken)
    assert max(column for column, _ in taken) < COLUMNS
    assert max(row for _, row in taken) < ROWS


@every_dashboard
def test_data_source_and_namespace_are_chosen_in_the_dashboard(file: Path) -> None:
    dashboard = read(file)

    assert [variable["name"] for variable in dashboard["templating"]["list"]] == ["datasource", "namespace"]
    for panel in dashboard["panels"]:
        assert panel["datasource"]["uid"] == "${datasource}"
        for expression in expressions(panel):
            selectors = re.findall(r"\w\{[^}]*\}", expression)
            assert selectors, expression
            assert all('namespace=~"$namespace"' in selector for selector in selectors), expression


@every_dashboard
def test_panels_that_need_a_cluster_say_so(file: Path) -> None:
    for panel in read(file)["panels"]:
        needs_cluster = any(CLUSTER_METRIC.search(expression) for expression in expressions(panel))
        assert ("(cluster)" in panel["title"]) is needs_cluster, panel["title"]


@every_dashboard
def test_runbooks_that_panels_link_to_exist(file: Path) -> None:
    links = [link["url"] for panel in read(file)["panels"] for link in panel.get("links") or []]

    assert links
    assert [link for link in links if not (REPOSITORY / link).is_file()] == []


@pytest.mark.parametrize("name", ["overview", "auth-service", "items-service"])
def test_durations_lead_to_traces_by_exemplars(name: str) -> None:
    panels = read(REPOSITORY / FOLDER / "dashboards" / f"{name}.json")["panels"]

    assert any(target["exemplar"] for panel in panels for target in panel["targets"])


def test_the_objectives_are_drawn_as_thresholds() -> None:
    for objective in read_objectives(REPOSITORY / OBJECTIVES_FILE).objectives:
        drawn = objective.budget if isinstance(objective, Availability) else objective.threshold_seconds
        assert drawn in thresholds_of(f"{objective.service}.json"), objective.name


def test_every_objective_shows_the_budget_that_is_left() -> None:
    overview = [
        expression
        for panel in read(REPOSITORY / FOLDER / "dashboards" / "overview.json")["panels"]
        for expression in expressions(panel)
    ]

    for objective in read_objectives(REPOSITORY / OBJECTIVES_FILE).objectives:
        selector = f'{{namespace=~"$namespace",slo="{objective.name}"}}'
        assert f"1 - max (slo:error_ratio:rate30d{selector}) / {objective.budget:g}" in overview


def test_alerts_name_dashboards_that_exist() -> None:
    uids = {f"/d/{read(file)['uid']}" for file in FILES}
    rules = [yaml.safe_load(file.read_text()) for file in (REPOSITORY / FOLDER / "rules").glob("*.yaml")]

    named = {
        rule["annotations"]["dashboard"]
        for file in rules
        for group in file["groups"]
        for rule in group["rules"]
        if "alert" in rule
    }

    assert named <= uids
