"""The table of values in each chart's README is made from its values.yaml; `make manifests` writes it."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

BEGIN, END = "<!-- values: written by make manifests -->\n", "<!-- end of values -->\n"
KEY = re.compile(r"( *)([A-Za-z][\w-]*):(?: |$)")
DESCRIPTION = "# -- "


@pytest.fixture(params=["microservice", "tandem"])
def chart(request: pytest.FixtureRequest, charts: Path) -> Path:
    folder: Path = charts / request.param
    return folder


def test_the_table_of_values_is_current(chart: Path, *, renew: bool) -> None:
    readme = chart / "README.md"
    before, _, rest = readme.read_text(encoding="utf-8").partition(BEGIN)
    current = f"{before}{BEGIN}{table_of(chart)}{END}{rest.partition(END)[2]}"
    if renew:
        readme.write_text(current, encoding="utf-8")

    assert readme.read_text(encoding="utf-8") == current


def test_every_value_is_documented(chart: Path) -> None:
    described = {path for path, _ in descriptions_of(chart)}
    values = yaml.safe_load((chart / "values.yaml").read_text(encoding="utf-8"))

    undocumented = [path for path in leaves_of(values) if not described & {path, *parents_of(path)}]

    assert undocumented == []


def table_of(chart: Path) -> str:
    values = yaml.safe_load((chart / "values.yaml").read_text(encoding="utf-8"))
    rows = [
        f"| `{path}` | {shown(value_at(values, path))} | {description.replace('|', chr(92) + '|')} |\n"
        for path, description in descriptions_of(chart)
    ]
    return "".join(["| value | default | |\n", "|---|---|---|\n", *rows])


def descriptions_of(chart: Path) -> Iterator[tuple[str, str]]:
    """Each value that has a description, by the names that lead to it."""
    path: list[tuple[int, str]] = []
    description = ""
    for line in (chart / "values.yaml").read_text(encoding="utf-8").splitlines():
        if line.strip().startswith(DESCRIPTION):
            description = line.strip().removeprefix(DESCRIPTION)
        elif key := KEY.match(line):
            path = [*((depth, name) for depth, name in path if depth < len(key[1])), (len(key[1]), key[2])]
            if description:
                yield ".".join(name for _, name in path), description
            description = ""


def leaves_of(values: dict[str, Any], path: str = "") -> Iterator[str]:
    for name, value in values.items():
        if isinstance(value, dict) and value:
            yield from leaves_of(value, f"{path}{name}.")
        else:
            yield f"{path}{name}"


def parents_of(path: str) -> set[str]:
    names = path.split(".")
    return {".".join(names[:length]) for length in range(1, len(names))}


def value_at(values: Any, path: str) -> Any:  # noqa: ANN401  # a value of YAML
    for name in path.split("."):
        values = values[name]
    return values


def shown(value: Any) -> str:  # noqa: ANN401  # the same
    text = json.dumps(value)
    return "" if value == "" else f"`{text}`" if len(text) <= 60 else "see values.yaml"  # a column
