"""Rules: written from the objectives, each alert explained, with a page that helps and a test that it fires."""

import re
import shutil
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from observability.generation import FOLDER, OBJECTIVES_FILE, generated_files
from observability.objectives import read_objectives
from observability.slo_rules import alert_name

REPOSITORY = Path(__file__).parents[2]
RULE_FILES = sorted((REPOSITORY / FOLDER / "rules").glob("*.yaml"))
RULE_TESTS = sorted((REPOSITORY / FOLDER / "rules" / "tests").glob("*.yaml"))
RUNBOOKS = REPOSITORY / FOLDER / "runbooks"
SECTIONS = [
    "What it means",
    "What the client sees",
    "First three commands",
    "How to stop the bleeding",
    "How to know it is over",
]

needs_promtool = pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool (Prometheus) is not installed")


def alerts_of(file: Path) -> list[dict[str, Any]]:
    groups = yaml.safe_load(file.read_text())["groups"]
    return [rule for group in groups for rule in group["rules"] if "alert" in rule]


ALERTS = [alert for file in RULE_FILES for alert in alerts_of(file)]
ALERT_NAMES = sorted({alert["alert"] for alert in ALERTS})
every_alert = pytest.mark.parametrize("name", ALERT_NAMES)


def alerts_named(name: str) -> list[dict[str, Any]]:
    return [alert for alert in ALERTS if alert["alert"] == name]


def kebab_case(name: str) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "-", name).lower()


@cache
def all_rule_tests() -> list[dict[str, Any]]:
    return [test for file in RULE_TESTS for test in yaml.safe_load(file.read_text())["tests"]]


def rule_tests_of(name: str) -> list[dict[str, Any]]:
    return [
        alert_test
        for test in all_rule_tests()
        for alert_test in test["alert_rule_test"]
        if alert_test["alertname"] == name
    ]


def test_generated_files_are_what_make_observability_writes() -> None:
    for path, text in generated_files(REPOSITORY).items():
        assert (REPOSITORY / path).read_text() == text, f"{path} is stale: make observability"


def test_each_objective_has_its_alerts() -> None:
    for objective in read_objectives(REPOSITORY / OBJECTIVES_FILE).objectives:
        severities = [alert["labels"]["severity"] for alert in alerts_named(alert_name(objective))]
        assert severities == ["page", "page", "ticket", "ticket"]


@every_alert
def test_every_alert_says_what_is_wrong_and_where_to_look(name: str) -> None:
    for alert in alerts_named(name):
        notes = alert["annotations"]
        assert alert["labels"]["severity"] in {"page", "ticket"}
        assert notes["summary"]
        assert "$value" in notes["description"]
        assert notes["runbook_url"] == f"{FOLDER}/runbooks/{kebab_case(name)}.md"
        assert notes["dashboard"].startswith("/d/tandem-")
        assert alert["for"]


@every_alert
def test_every_alert_has_a_runbook_of_five_sections_and_three_commands(name: str) -> None:
    page = (RUNBOOKS / f"{kebab_case(name)}.md").read_text()

    commands = re.findall(r"^```sh\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    assert page.startswith(f"# {name}\n")
    assert re.findall(r"^## (.+)$", page, re.MULTILINE) == SECTIONS
    assert [len(block.splitlines()) for block in commands] == [3]
    assert all(section.strip() for section in re.split(r"^## .+$", page, flags=re.MULTILINE)[1:])


def test_every_runbook_belongs_to_an_alert() -> None:
    pages = {page.stem for page in RUNBOOKS.glob("*.md")} - {"README"}

    assert pages == set(map(kebab_case, ALERT_NAMES))


@pytest.mark.parametrize("page", sorted(RUNBOOKS.glob("*.md")), ids=lambda page: page.stem)
def test_every_link_of_a_runbook_resolves(page: Path) -> None:
    for link in re.findall(r"\]\(([^)#]+)", page.read_text()):
        assert (page.parent / link).is_file(), link


@every_alert
def test_every_alert_is_tested_to_fire_and_to_stay_silent(name: str) -> None:
    expected = [alert_test["exp_alerts"] for alert_test in rule_tests_of(name)]
    # A burning and a healthy namespace may stand in one test, which then lists the burning one alone.
    namespaces = {alert["exp_labels"].get("namespace") for alerts in expected for alert in alerts}

    assert any(expected), "nothing makes it fire"
    assert [] in expected or "burning" in namespaces, "nothing leaves it silent"


@needs_promtool
def test_promtool_accepts_every_rule() -> None:
    checked = subprocess.run(["promtool", "check", "rules", *RULE_FILES], capture_output=True, text=True, check=False)

    assert checked.returncode == 0, checked.stdout + checked.stderr


@needs_promtool
def test_alerts_fire_and_stay_silent_as_their_tests_say() -> None:
    tested = subprocess.run(["promtool", "test", "rules", *RULE_TESTS], capture_output=True, text=True, check=False)

    assert tested.returncode == 0, tested.stdout + tested.stderr
