"""skaffold.yaml says what Skaffold understands, and names only what exists."""

import copy
import json
import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import jsonschema_rs
import kubernetes_validate  # type: ignore[import-untyped]  # it ships no types
import pytest
import yaml

Manifest = dict[str, Any]
Render = Callable[..., list[Manifest]]

REPOSITORY = Path(__file__).parents[2]
SCHEMA = Path(__file__).with_name("schemas") / "skaffold-v4beta13.json"
PROFILES = ["dev", "debug", "verify", "staging", "production"]
COPY = re.compile(r"^(?:WORKDIR (?P<folder>\S+)|COPY --chown=\S+ (?P<source>\S+) (?P<target>\S+))$", re.MULTILINE)
VARIABLE = re.compile(r"\{\{\.IMAGE_(REPO|TAG|DIGEST)_(\w+)\}\}")
BUILT = {"REPO": "built/{}", "TAG": "v1", "DIGEST": "sha256:" + "0" * 64}


def read_skaffold() -> Manifest:
    text = (REPOSITORY / "skaffold.yaml").read_text(encoding="utf-8")
    configuration: Manifest = yaml.safe_load(text)
    return configuration


def find_objections(configuration: Manifest) -> list[str]:
    validator = jsonschema_rs.Draft7Validator(json.loads(SCHEMA.read_text(encoding="utf-8")))
    return [error.message for error in validator.iter_errors(configuration)]


def with_profile(configuration: Manifest, name: str) -> Manifest:
    """Apply the patches of a profile; one whose path leads nowhere fails, as Skaffold does."""
    patched = copy.deepcopy(configuration)
    [profile] = [profile for profile in patched["profiles"] if profile["name"] == name]
    for patch in profile["patches"]:
        *parents, last = patch["path"].removeprefix("/").split("/")
        place: Any = patched
        for part in parents:
            place = place[int(part)] if isinstance(place, list) else place[part]
        if last == "-":
            place.append(patch["value"])
        else:
            assert (last in place) is (patch["op"] == "replace"), f"{name}: {patch}"
            place[last] = patch["value"]
    return patched


def release_of(configuration: Manifest) -> Manifest:
    [release] = configuration["deploy"]["helm"]["releases"]
    return dict(release)


def values_of(release: Manifest) -> Manifest:
    """What Helm is given for images that have been built."""
    values: Manifest = {}
    for file in release.get("valuesFiles", []):
        values = merged(values, yaml.safe_load((REPOSITORY / file).read_text(encoding="utf-8")))
    for path, template in release["setValueTemplates"].items():
        value: Any = VARIABLE.sub(lambda match: BUILT[match[1]].format(match[2].replace("_", "-")), template)
        for part in reversed(path.split(".")):
            value = {part: value}
        values = merged(values, value)
    return values


def merged(values: Manifest, more: Manifest) -> Manifest:
    both = {name for name in values.keys() & more.keys() if isinstance(values[name], dict)}
    return {**values, **more, **{name: merged(values[name], more[name]) for name in both}}


def pods_in(manifests: Iterable[Manifest]) -> Iterator[Manifest]:
    for manifest in manifests:
        spec = manifest.get("spec", {})
        job = spec.get("jobTemplate", {}).get("spec", spec)
        if "template" in job and "spec" in job["template"]:
            yield job["template"]["spec"]


@pytest.fixture(scope="module")
def skaffold() -> Manifest:
    return read_skaffold()


def test_skaffold_understands_it(skaffold: Manifest) -> None:
    assert find_objections(skaffold) == []


def test_what_skaffold_does_not_understand_is_found(skaffold: Manifest) -> None:
    assert find_objections({**skaffold, "portForwards": []})


@pytest.mark.parametrize("name", PROFILES)
def test_a_profile_changes_what_is_there(skaffold: Manifest, name: str) -> None:
    assert find_objections(with_profile(skaffold, name)) == []


def test_there_are_no_other_profiles(skaffold: Manifest) -> None:
    assert [profile["name"] for profile in skaffold["profiles"]] == PROFILES


def test_every_image_is_built_from_a_dockerfile_of_ours(skaffold: Manifest) -> None:
    artifacts = with_profile(skaffold, "verify")["build"]["artifacts"]

    assert [artifact["image"] for artifact in artifacts] == ["auth-service", "items-service", "tandem-tests"]
    assert [artifact for artifact in artifacts if not (REPOSITORY / artifact["docker"]["dockerfile"]).is_file()] == []


@pytest.mark.parametrize("position", [0, 1])
def test_a_changed_file_is_put_where_the_image_has_it(skaffold: Manifest, position: int) -> None:
    artifact = skaffold["build"]["artifacts"][position]
    folder, places = "", {}
    for match in COPY.finditer((REPOSITORY / artifact["docker"]["dockerfile"]).read_text(encoding="utf-8")):
        folder = match["folder"] or folder
        if match["source"]:
            places[match["source"]] = str(Path(folder, match["target"]))

    for rule in artifact["sync"]["manual"]:
        source = rule["src"].removesuffix("/**/*.py")
        assert places[source] == f"{rule['dest']}/{source}"
        assert any((REPOSITORY / source).rglob("*.py"))


@pytest.mark.parametrize("name", [None, *PROFILES])
def test_every_pod_of_a_service_runs_the_image_that_was_built(
    skaffold: Manifest, render: Render, name: str | None
) -> None:
    release = release_of(with_profile(skaffold, name) if name else skaffold)

    images = {
        (container["name"], container["image"])
        for pod in pods_in(render(values_of(release), release=release["name"]))
        for container in [*pod.get("initContainers", []), *pod["containers"]]
        if "service" in container["image"]
    }

    assert {image for _, image in images} == {
        f"built/{service}@{BUILT['DIGEST']}" for service in ("auth-service", "items-service")
    }
    assert {"migrate", "prune", "rotate-keys"} <= {container for container, _ in images}


def test_what_is_forwarded_exists(skaffold: Manifest, render: Render) -> None:
    release = release_of(skaffold)
    offered = {
        (manifest["metadata"]["name"], port["port"])
        for manifest in render(values_of(release), release=release["name"])
        if manifest["kind"] == "Service"
        for port in manifest["spec"]["ports"]
    }

    assert {(forward["resourceName"], forward["port"]) for forward in skaffold["portForward"]} <= offered
    assert {forward["namespace"] for forward in skaffold["portForward"]} == {release["namespace"]}


def test_the_tests_of_the_verify_stage_find_what_they_need(skaffold: Manifest, render: Render) -> None:
    [case] = skaffold["verify"]
    job = yaml.safe_load((REPOSITORY / case["executionMode"]["kubernetesCluster"]["jobManifestPath"]).read_text())
    [container] = job["spec"]["template"]["spec"]["containers"]
    release = release_of(skaffold)
    names = {(made["kind"], made["metadata"]["name"]) for made in render(values_of(release), release=release["name"])}

    kubernetes_validate.validate(job, "1.37", strict=True)
    assert job["metadata"]["namespace"] == release["namespace"]
    assert (container["name"], container["image"]) == (case["container"]["name"], case["container"]["image"])
    assert ("Secret", container["env"][0]["valueFrom"]["secretKeyRef"]["name"]) in names
    assert case["container"]["env"] == [{"name": "TANDEM_URL", "value": "http://tandem-gateway:8080"}]
    assert ("Service", "tandem-gateway") in names
