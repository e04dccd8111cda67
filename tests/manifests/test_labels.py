"""Everything carries the recommended labels, and what selects never changes."""

from collections.abc import Callable
from typing import Any

Manifest = dict[str, Any]
Render = Callable[..., list[Manifest]]

PREFIX = "app.kubernetes.io"
RECOMMENDED = {f"{PREFIX}/{name}" for name in ("name", "instance", "component", "version", "managed-by", "part-of")}
STABLE = {f"{PREFIX}/name", f"{PREFIX}/instance", f"{PREFIX}/component"}
# A name of 39 characters leaves room for the longest suffix, in the kinds whose names are shortest.
LONGEST_NAMES = {"CronJob": 52, "Job": 63, "Service": 63}


def test_everything_carries_the_recommended_labels(manifests: list[Manifest], pods: dict[str, Manifest]) -> None:
    for thing in [*manifests, *pods.values()]:
        labels = thing["metadata"]["labels"]
        assert labels.keys() >= RECOMMENDED | {"helm.sh/chart"}, thing
        assert labels[f"{PREFIX}/instance"] == "tandem"


def test_what_selects_says_neither_version_nor_chart(manifests: list[Manifest]) -> None:
    for manifest in manifests:
        match manifest["kind"]:
            case "Deployment" | "StatefulSet" | "PodDisruptionBudget" | "ServiceMonitor":
                assert manifest["spec"]["selector"]["matchLabels"].keys() == STABLE
            case "Service":
                assert manifest["spec"]["selector"].keys() == STABLE


def test_a_service_reaches_its_servers_and_none_of_its_jobs(
    manifests: list[Manifest], pods: dict[str, Manifest]
) -> None:
    for service in (manifest for manifest in manifests if manifest["kind"] == "Service"):
        selector = service["spec"]["selector"].items()

        reached = {owner for owner, pod in pods.items() if selector <= pod["metadata"]["labels"].items()}

        assert len(reached) == 1
        # The master of a load test serves its workers for one run.
        jobs = {owner for owner in reached if owner.startswith(("Job", "CronJob", "Pod"))}
        assert not jobs or service["metadata"]["name"] == "tandem-load-test"


def test_no_two_objects_have_one_name(manifests: list[Manifest]) -> None:
    names = [(manifest["kind"], manifest["metadata"]["name"]) for manifest in manifests]

    assert sorted(names) == sorted(set(names))


def test_names_fit_whatever_the_release_is_called(render: Render) -> None:
    for manifest in render(release="a-release-with-a-name-as-long-as-helm-lets-it-be-53ch", revision=999):
        limit = LONGEST_NAMES.get(manifest["kind"], 253)
        assert len(manifest["metadata"]["name"]) <= limit, manifest["metadata"]["name"]


def test_two_releases_share_a_namespace(render: Render) -> None:
    one, other = (
        {(manifest["kind"], manifest["metadata"]["name"]) for manifest in render(release=release)}
        for release in ("blue", "green")
    )

    assert one & other == set()
