"""Everything that is written from the objectives: `make observability` writes it, a test checks that it is current."""

from pathlib import Path
from typing import Any

import yaml

from observability.dashboards import all_dashboards
from observability.dashboards.grafana import as_json
from observability.objectives import read_objectives
from observability.slo_rules import slo_rules

FOLDER = Path("deploy") / "observability"
OBJECTIVES_FILE = FOLDER / "slo.yaml"
GENERATED = "# Written by `make observability` from slo.yaml; change that file.\n"


def generated_files(repository: Path) -> dict[Path, str]:
    """Return the text of each generated file by its path in the repository."""
    objectives = read_objectives(repository / OBJECTIVES_FILE)
    files = {FOLDER / "rules" / "slo.yaml": GENERATED + _as_yaml(slo_rules(objectives))}
    for dashboard in all_dashboards(objectives):
        files[FOLDER / "dashboards" / f"{dashboard.uid.removeprefix('tandem-')}.json"] = as_json(dashboard)
    return files


def write_generated_files(repository: Path) -> None:
    """Write each generated file."""
    for path, text in generated_files(repository).items():
        (repository / path).write_text(text)


class _Dumper(yaml.SafeDumper):
    """Writes expressions of several lines as they read best."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:  # noqa: ARG002, FBT001, FBT002 - as the library calls it
        super().increase_indent(flow, indentless=False)


def _represent_text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Dumper.add_representer(str, _represent_text)


def _as_yaml(document: dict[str, Any]) -> str:
    return yaml.dump(document, Dumper=_Dumper, sort_keys=False, width=1000)
