"""The charts as the real Helm renders them, each case of values once."""

import json
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import helm_python
import pytest
import yaml
from helm_python import _native

REPOSITORY = Path(__file__).parents[2]
CHARTS = REPOSITORY / "deploy" / "charts"
CASES = {
    "defaults": None,
    "production": CHARTS / "tandem" / "values-production.yaml",
    **{file.stem: file for file in sorted(Path(__file__).with_name("values").glob("*.yaml"))},
}
NEWEST_VERSION = "1.37"

Manifest = dict[str, Any]
Render = Callable[..., list[Manifest]]


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let `make manifests` write what the tests compare with."""
    parser.addoption("--renew", action="store_true", help="Write snapshots and READMEs instead of comparing.")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test that asks for a `case` runs once for each set of values."""
    if "case" in metafunc.fixturenames:
        metafunc.parametrize("case", CASES)


@pytest.fixture(scope="session")
def charts() -> Path:
    return CHARTS


@pytest.fixture(scope="session")
def cases() -> list[str]:
    return list(CASES)


@pytest.fixture(scope="session")
def renew(pytestconfig: pytest.Config) -> bool:
    return bool(pytestconfig.getoption("--renew", default=False))


@pytest.fixture(scope="session")
def values_of() -> Callable[[str], Manifest]:
    """What a case sets."""
    return _values_of


@pytest.fixture(scope="session")
def render() -> Render:
    """Render a chart; a name that no template knows fails, as it should and does not by default."""

    def render_chart(
        values: Manifest | None = None,
        *,
        chart: str = "tandem",
        release: str = "tandem",
        revision: int = 1,
        kubernetes: str = NEWEST_VERSION,
    ) -> list[Manifest]:
        options = {
            "name": release,
            "namespace": "shop",
            "revision": revision,
            "kube_version": f"v{kubernetes}.0",
            "strict": True,
        }
        manifests: list[Manifest] = json.loads(_parsed(chart, json.dumps(values or {}), options=json.dumps(options)))
        return manifests

    return render_chart


@pytest.fixture(scope="session")
def notes() -> Callable[[str], str]:
    """What Helm prints after installing a case."""

    def render_notes(case: str) -> str:
        options = {"name": "tandem", "namespace": "shop", "kube_version": f"v{NEWEST_VERSION}.0"}
        templates = _render("tandem", json.dumps(_values_of(case)), options=json.dumps(options))
        return templates["tandem/templates/NOTES.txt"]

    return render_notes


@pytest.fixture
def manifests(case: str, render: Render) -> list[Manifest]:
    return render(_values_of(case))


@pytest.fixture
def pods(manifests: list[Manifest]) -> dict[str, Manifest]:
    """The metadata and spec of every pod that could come to be, by what makes it."""
    return {f"{manifest['kind']} {manifest['metadata']['name']}": pod for manifest, pod in _pods(manifests)}


@pytest.fixture
def containers(pods: dict[str, Manifest]) -> dict[str, Manifest]:
    return {
        f"{owner}: {container['name']}": container
        for owner, pod in pods.items()
        for container in [*pod["spec"].get("initContainers", []), *pod["spec"]["containers"]]
    }


@cache
def _values_of(case: str) -> Manifest:
    file = CASES[case]
    values: Manifest = yaml.safe_load(file.read_text(encoding="utf-8")) if file else {}
    return values


@cache
def _parsed(chart: str, values: str, *, options: str) -> str:
    """Every object as JSON, which is read again in a tenth of the time that YAML takes."""
    templates = _render(chart, values, options=options)
    texts = [text for name, text in sorted(templates.items()) if not name.endswith("/NOTES.txt")]
    return json.dumps([object_ for text in texts for object_ in yaml.load_all(text, yaml.CSafeLoader) if object_])


@cache
def _render(chart: str, values: str, *, options: str) -> dict[str, str]:
    with helm_python.Chart.load(CHARTS / chart) as loaded:
        handle = loaded._raw()  # noqa: SLF001  # its own method has no way to say the version of Kubernetes
        rendered = _native.call_string("helm_render", handle, values, options)
    templates: dict[str, str] = json.loads(rendered)
    return templates


def _pods(manifests: list[Manifest]) -> Iterator[tuple[Manifest, Manifest]]:
    for manifest in manifests:
        match manifest["kind"]:
            case "Pod":
                yield manifest, manifest
            case "Deployment" | "StatefulSet" | "Job":
                yield manifest, manifest["spec"]["template"]
            case "CronJob":
                yield manifest, manifest["spec"]["jobTemplate"]["spec"]["template"]
