"""Every pod is restricted, bounded and watched, whatever the values say."""

import re
from collections.abc import Callable
from typing import Any

import pytest

Manifest = dict[str, Any]
Render = Callable[..., list[Manifest]]

PINNED = re.compile(r"[a-z0-9./-]+(:(?!latest)[A-Za-z0-9._-]+|@sha256:[0-9a-f]{64})")
ARGON2_MEBIBYTES = 19
HASHES_AT_ONCE = 2
PROCESS_MEBIBYTES = 100
REQUESTS_AND_TELEMETRY_SECONDS = 12


def test_every_pod_is_restricted(pods: dict[str, Manifest], containers: dict[str, Manifest]) -> None:
    for pod in pods.values():
        security = pod["spec"]["securityContext"]
        assert security["runAsNonRoot"] is True
        assert security["runAsUser"] > 0
        assert security["seccompProfile"] == {"type": "RuntimeDefault"}
        assert not {"hostNetwork", "hostPID", "hostIPC"} & pod["spec"].keys()
        assert all(allowed_volume(volume) for volume in pod["spec"].get("volumes", []))
    for container in containers.values():
        assert container["securityContext"]["allowPrivilegeEscalation"] is False
        assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
        assert not any("hostPort" in port for port in container.get("ports", []))


def allowed_volume(volume: Manifest) -> bool:
    kinds = {"configMap", "emptyDir", "persistentVolumeClaim", "projected", "secret"}
    return len(volume.keys() & kinds) == 1


def test_no_container_writes_to_its_image_unless_told_to(
    case: str, containers: dict[str, Manifest], values_of: Callable[[str], Manifest]
) -> None:
    told_to = values_of(case).get("auth-service", {}).get("readOnlyRootFilesystem") is False

    writable = [
        owner for owner, container in containers.items() if not container["securityContext"]["readOnlyRootFilesystem"]
    ]

    assert bool(writable) is told_to
    assert all("auth-service" in owner or "journey" in owner for owner in writable)


def test_no_pod_gets_a_token_of_the_cluster(pods: dict[str, Manifest], manifests: list[Manifest]) -> None:
    assert all(pod["spec"]["automountServiceAccountToken"] is False for pod in pods.values())
    assert all(
        manifest["automountServiceAccountToken"] is False
        for manifest in manifests
        if manifest["kind"] == "ServiceAccount"
    )


def test_every_container_requests_cpu_and_is_limited_in_memory_only(containers: dict[str, Manifest]) -> None:
    for container in containers.values():
        assert {"cpu", "memory"} == container["resources"]["requests"].keys()
        assert {"memory"} == container["resources"]["limits"].keys()


def test_the_password_hashes_fit_into_the_memory(containers: dict[str, Manifest]) -> None:
    server = containers["Deployment tandem-auth-service: auth-service"]

    limit = int(server["resources"]["limits"]["memory"].removesuffix("Mi"))

    assert limit >= PROCESS_MEBIBYTES + HASHES_AT_ONCE * ARGON2_MEBIBYTES


def test_every_image_is_pinned(containers: dict[str, Manifest]) -> None:
    assert [name for name, container in containers.items() if not PINNED.fullmatch(container["image"])] == []


@pytest.mark.parametrize(
    ("image", "name"),
    [
        ({}, "auth-service:0.1.0"),
        ({"tag": "1.2.3"}, "auth-service:1.2.3"),
        ({"tag": 123456}, "auth-service:123456"),
        ({"repository": "example.com/auth", "digest": f"sha256:{'0' * 64}"}, f"example.com/auth@sha256:{'0' * 64}"),
    ],
)
def test_one_value_names_the_image_of_every_pod_of_a_service(image: Manifest, name: str, render: Render) -> None:
    text = str(render({"auth-service": {"image": image}, "items-service": {"image": {"repository": "other"}}}))

    assert set(re.findall(r"'image': '((?:auth-service|example)[^']*)'", text)) == {name}


def test_what_serves_has_three_probes_and_what_ends_has_none(pods: dict[str, Manifest]) -> None:
    probes = {"startupProbe", "livenessProbe", "readinessProbe"}

    for owner, pod in pods.items():
        expected = probes if owner.startswith(("Deployment", "StatefulSet")) else set()
        for container in pod["spec"]["containers"]:
            assert probes & container.keys() == expected, owner


def test_liveness_asks_for_no_dependency(containers: dict[str, Manifest]) -> None:
    for service in ("auth-service", "items-service"):
        server = containers[f"Deployment tandem-{service}: {service}"]

        assert server["startupProbe"]["httpGet"]["path"] == "/health/live"
        assert server["livenessProbe"]["httpGet"]["path"] == "/health/live"
        assert server["readinessProbe"]["httpGet"]["path"] == "/health/ready"


def test_a_pod_has_time_to_end(pods: dict[str, Manifest]) -> None:
    for service in ("auth-service", "items-service"):
        spec = pods[f"Deployment tandem-{service}"]["spec"]
        pause = spec["containers"][0]["lifecycle"]["preStop"]["sleep"]["seconds"]

        assert spec["terminationGracePeriodSeconds"] > pause + REQUESTS_AND_TELEMETRY_SECONDS


@pytest.mark.parametrize(
    ("kubernetes", "pause"), [("1.29", {"exec": {"command": ["sleep", "10"]}}), ("1.30", {"sleep": {"seconds": 10}})]
)
def test_the_pause_before_the_end_is_what_the_cluster_knows(kubernetes: str, pause: Manifest, render: Render) -> None:
    servers = [manifest for manifest in render(kubernetes=kubernetes) if manifest["kind"] == "Deployment"]

    spec = servers[0]["spec"]["template"]["spec"]

    assert spec["containers"][0]["lifecycle"]["preStop"] == pause


def test_an_update_takes_no_replica_away(manifests: list[Manifest]) -> None:
    for deployment in (manifest for manifest in manifests if manifest["kind"] == "Deployment"):
        if "service" in deployment["metadata"]["name"]:
            assert deployment["spec"]["strategy"]["rollingUpdate"] == {"maxUnavailable": 0, "maxSurge": 1}


def test_replicas_are_set_by_one_only(manifests: list[Manifest]) -> None:
    scaled = {
        manifest["spec"]["scaleTargetRef"]["name"]
        for manifest in manifests
        if manifest["kind"] == "HorizontalPodAutoscaler"
    }

    for deployment in (manifest for manifest in manifests if manifest["kind"] == "Deployment"):
        assert ("replicas" in deployment["spec"]) is (deployment["metadata"]["name"] not in scaled)


def test_a_budget_stands_only_where_one_replica_can_go(render: Render) -> None:
    def budgets(values: Manifest) -> list[str]:
        return [
            manifest["metadata"]["name"]
            for manifest in render({"auth-service": values})
            if manifest["kind"] == "PodDisruptionBudget"
        ]

    assert budgets({"replicaCount": 1}) == []
    assert budgets({"replicaCount": 2}) == ["tandem-auth-service"]
    assert budgets({"autoscaling": {"enabled": True, "minReplicas": 1}}) == []
    assert budgets({"autoscaling": {"enabled": True}}) == ["tandem-auth-service"]


def test_a_changed_setting_renews_the_pods(render: Render) -> None:
    def annotations(values: Manifest) -> Manifest:
        deployments = [manifest for manifest in render(values) if manifest["kind"] == "Deployment"]
        found: Manifest = deployments[0]["spec"]["template"]["metadata"]["annotations"]
        return found

    before = annotations({})

    assert annotations({}) == before
    assert annotations({"auth-service": {"config": {"LOG_LEVEL": "DEBUG"}}}) != before
    assert annotations({"auth-service": {"secret": {"existingSecret": "another"}}}) != before
