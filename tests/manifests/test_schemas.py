"""Every object is what the API of each supported version of Kubernetes takes, without a field that it does not know."""

import json
from collections.abc import Callable
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest

Manifest = dict[str, Any]
Render = Callable[..., list[Manifest]]

VERSIONS = ("1.29", "1.37")
KUBERNETES = files("kubernetes_validate") / "kubernetes-json-schema"
OTHERS = Path(__file__).with_name("schemas")


@pytest.mark.parametrize("version", VERSIONS)
def test_every_object_fits_the_schema_of_its_kind(
    version: str, case: str, render: Render, values_of: Callable[[str], Manifest]
) -> None:
    manifests = render(values_of(case), kubernetes=version)

    assert [problem for manifest in manifests for problem in problems_of(manifest, version)] == []


@pytest.mark.parametrize("version", VERSIONS)
def test_a_field_that_nobody_knows_is_noticed(version: str, render: Render) -> None:
    deployment = next(manifest for manifest in render() if manifest["kind"] == "Deployment")
    deployment["spec"]["template"]["spec"]["containers"][0]["readynessProbe"] = {}

    assert any("readynessProbe" in problem for problem in problems_of(deployment, version))


def problems_of(manifest: Manifest, version: str) -> list[str]:
    validator = validator_of(manifest["apiVersion"], manifest["kind"], version=version)
    name = f"{manifest['kind']} {manifest['metadata']['name']}"
    return [f"{name} {error.instance_path}: {error.message}" for error in validator.iter_errors(manifest)]


@cache
def validator_of(api_version: str, kind: str, *, version: str) -> jsonschema_rs.Draft202012Validator:
    group, _, api = api_version.rpartition("/")
    name = "-".join(part for part in (kind.lower(), group.split(".")[0], api) if part) + ".json"
    if (OTHERS / name).exists():
        return jsonschema_rs.Draft202012Validator(json.loads((OTHERS / name).read_text(encoding="utf-8")))
    schema = json.loads((directory_of(version) / name).read_text(encoding="utf-8"))
    return jsonschema_rs.Draft202012Validator(
        schema, registry=registry_of(version), base_uri="urn:kubernetes/kind.json"
    )


@cache
def registry_of(version: str) -> jsonschema_rs.Registry:
    definitions = json.loads((directory_of(version) / "_definitions.json").read_text(encoding="utf-8"))
    return jsonschema_rs.Registry([("urn:kubernetes/_definitions.json", definitions)])


def directory_of(version: str) -> Path:
    return Path(str(KUBERNETES)) / f"v{version}.0-local-strict"
