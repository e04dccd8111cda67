"""The charts themselves: lint finds nothing, each value is documented, and the pair's parts belong together."""

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import helm_python
import pytest
import yaml

Manifest = dict[str, Any]

WITHOUT_ICON = "icon is recommended"


@pytest.mark.parametrize("kubernetes", ["1.29", "1.37"])
def test_lint_finds_nothing(kubernetes: str, case: str, charts: Path, values_of: Callable[[str], Manifest]) -> None:
    report = helm_python.lint(
        charts / "tandem", values_of(case), strict=True, namespace="shop", kube_version=f"v{kubernetes}.0"
    )

    assert report["errors"] == []
    assert [message for message in report["messages"] if message["error"] != WITHOUT_ICON] == []


def test_the_pair_is_made_of_the_chart_beside_it(charts: Path) -> None:
    chart = yaml.safe_load((charts / "tandem" / "Chart.yaml").read_text(encoding="utf-8"))
    microservice = yaml.safe_load((charts / "microservice" / "Chart.yaml").read_text(encoding="utf-8"))

    assert (charts / "tandem" / "charts" / "microservice").resolve() == charts / "microservice"
    assert {dependency["version"] for dependency in chart["dependencies"]} == {microservice["version"]}
    assert chart["appVersion"] == microservice["appVersion"]
    assert chart["kubeVersion"] == microservice["kubeVersion"]


def test_what_both_charts_share_they_say_alike(charts: Path) -> None:
    shared, whole = (
        yaml.safe_load((charts / chart / "values.yaml").read_text(encoding="utf-8"))["global"]
        for chart in ("microservice", "tandem")
    )

    assert {name: whole[name] for name in shared} == shared


@pytest.mark.parametrize("chart", ["microservice", "tandem"])
def test_every_value_that_the_schema_knows_has_a_default(chart: str, charts: Path) -> None:
    values = yaml.safe_load((charts / chart / "values.yaml").read_text(encoding="utf-8"))
    schema = json.loads((charts / chart / "values.schema.json").read_text(encoding="utf-8"))

    assert set(properties_of(schema)) - set(paths_of(values)) == set()


def paths_of(values: Manifest, path: str = "") -> Iterator[str]:
    for name, value in values.items():
        yield f"{path}{name}"
        if isinstance(value, dict):
            yield from paths_of(value, f"{path}{name}.")


def properties_of(node: Manifest, path: str = "") -> Iterator[str]:
    for name, value in node.get("properties", {}).items():
        yield f"{path}{name}"
        yield from properties_of(value, f"{path}{name}.")


WRONG = {
    "an unknown value": ({"auth-service": {"replicas": 2}}, "auth-service", "replicas"),
    "an unknown part": ({"billing": {}}, "", "billing"),
    "an unknown switch": ({"global": {"ingres": {"enabled": True}}}, "/global", "ingres"),
    "a number that is none": ({"items-service": {"replicaCount": "two"}}, "/replicaCount", "integer"),
    "an unknown environment": ({"global": {"environment": "test"}}, "/global/environment", "production"),
    "a moving tag": ({"auth-service": {"image": {"tag": "latest"}}}, "/image/tag", "not"),
    "a digest that is none": ({"auth-service": {"image": {"digest": "sha256:1"}}}, "/image/digest", "pattern"),
    "a secret among settings": ({"auth-service": {"config": {"SECRET_KEY": "x"}}}, "auth-service", "SECRET_KEY"),
    "a number as setting": ({"auth-service": {"config": {"SESSION_EXPIRE_DAYS": 90}}}, "SESSION_EXPIRE_DAYS", "string"),
    "a path with a query": ({"items-service": {"publicPaths": ["/items?x"]}}, "/publicPaths/0", "pattern"),
    "a load of an unknown shape": ({"loadTest": {"profile": "storm"}}, "/loadTest/profile", "steady"),
    "a ratio above one": ({"global": {"tracing": {"ratio": "1.5"}}}, "/global/tracing/ratio", "pattern"),
    "a quantity that is none": (
        {"auth-service": {"resources": {"limits": {"memory": "lots"}}}},
        "/resources/limits/memory",
        "pattern",
    ),
    "a schedule that is none": (
        {"auth-service": {"cronJobs": {"prune": {"schedule": "x", "args": ["y"]}}}},
        "/schedule",
        "",
    ),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_a_wrong_value_is_refused_by_its_name(wrong: str, render: Callable[..., list[Manifest]]) -> None:
    values, place, complaint = WRONG[wrong]

    with pytest.raises(helm_python.HelmError) as refused:
        render(values)

    assert place in str(refused.value)
    assert complaint in str(refused.value)


STAGING = {"global": {"environment": "staging"}}
CONTRADICTIONS = {
    "secrets to make up outside of local": (STAGING, r"(auth|items)-service: secret.existingSecret .* has to name"),
    "no database outside of local": (
        {
            "global": {"environment": "staging", "feedClient": {"existingSecret": "x"}},
            "auth-service": {"secret": {"existingSecret": "x"}},
            "items-service": {"secret": {"existingSecret": "x"}},
        },
        "(auth|items)-service: no database: set database.existingSecret",
    ),
    "no feed client outside of local": (
        {
            "global": {"environment": "staging", "postgresql": {"enabled": True}},
            "auth-service": {"secret": {"existingSecret": "x"}},
            "items-service": {"secret": {"existingSecret": "x"}},
        },
        "global.feedClient.existingSecret has to name",
    ),
    "two ways in": (
        {"global": {"ingress": {"enabled": True}, "httpRoute": {"enabled": True}}},
        "global.ingress.enabled and global.httpRoute.enabled exclude each other",
    ),
    "two databases": (
        {"auth-service": {"database": {"existingSecret": "x", "cnpg": {"enabled": True}}}},
        "auth-service: database.existingSecret and database.cnpg.enabled exclude each other",
    ),
    "two settings' Secrets": (
        {"auth-service": {"secret": {"existingSecret": "x", "externalSecret": {"enabled": True}}}},
        "auth-service: secret.existingSecret and secret.externalSecret.enabled exclude each other",
    ),
    "no time to end": (
        {"items-service": {"preStopSeconds": 20}},
        r"items-service: terminationGracePeriodSeconds has to be at least preStopSeconds \+ 15",
    ),
    "a route to no gateway": (
        {"global": {"httpRoute": {"enabled": True}}},
        "global.httpRoute.parentRefs has to name a Gateway",
    ),
    "a load test of what nobody reaches": (
        {"gateway": {"enabled": False}, "loadTest": {"enabled": True}},
        "loadTest.url has to say where clients reach the release",
    ),
    "a load test that the network refuses": (
        {"loadTest": {"enabled": True, "url": "https://tandem.example.com"}},
        "loadTest.peers has to say who answers at loadTest.url",
    ),
    "nothing to scale by": (
        {"auth-service": {"autoscaling": {"enabled": True, "targetCPUPercent": 0}}},
        "auth-service: autoscaling needs targetCPUPercent or targetRequestsPerSecond",
    ),
}


@pytest.mark.parametrize("contradiction", CONTRADICTIONS)
def test_what_cannot_work_is_refused_with_what_to_set(
    contradiction: str, render: Callable[..., list[Manifest]]
) -> None:
    values, message = CONTRADICTIONS[contradiction]

    with pytest.raises(helm_python.HelmError, match=message):
        render(values)


def test_a_third_service_is_an_instance_of_the_same_chart(render: Callable[..., list[Manifest]]) -> None:
    values = {
        "nameOverride": "orders-service",
        "image": {"repository": "orders-service"},
        "database": {"existingSecret": "orders-database"},
    }

    manifests = render(values, chart="microservice", release="shop")

    assert {
        manifest["metadata"]["name"] for manifest in manifests if manifest["kind"] in {"Deployment", "Service"}
    } == {"shop-orders-service"}


def test_the_notes_say_how_to_reach_test_and_observe(case: str, notes: Callable[[str], str]) -> None:
    text = notes(case)

    assert re.search(r"^Reach it\n.*^Test it\n  helm test tandem .*^Observe it\n", text, re.MULTILINE | re.DOTALL)
    assert "{{" not in text
    assert ("this is a `local` release" in text.lower()) is (case in {"defaults", "bare"})


def test_what_a_helm_test_makes_goes_once_it_has_passed(render: Callable[..., list[Manifest]]) -> None:
    annotations = [manifest["metadata"].get("annotations", {}) for manifest in render()]

    policies = {made["helm.sh/hook-delete-policy"] for made in annotations if made.get("helm.sh/hook") == "test"}

    # An uninstallation does not remove what tests made; a failed one stays to be looked at until the next.
    assert policies == {"before-hook-creation,hook-succeeded"}
