"""A release in the cluster of KUBECONFIG, whose nodes may be simulated: `make rehearse-deploy`."""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(900)]

Manifest = dict[str, Any]

CHART = Path(__file__).parents[2] / "deploy" / "charts" / "tandem"
SERVICES = ["auth-service", "items-service"]
# Nobody has a node of that size, so its pod never starts.
TOO_LARGE = ["--set", "auth-service.resources.requests.cpu=100k"]
PATIENCE = "300s"


class Namespace:
    """A namespace of its own in which every pod has to be "restricted", as Helm and kubectl see it."""

    def __init__(self, name: str) -> None:
        self.name = name

    def open(self) -> None:
        """Make the namespace."""
        run("kubectl", "create", "namespace", self.name)
        levels = [f"pod-security.kubernetes.io/{mode}=restricted" for mode in ("enforce", "warn")]
        run("kubectl", "label", "namespace", self.name, *levels)

    def close(self) -> None:
        """Remove the namespace with all that is in it."""
        run("kubectl", "delete", "namespace", self.name, "--wait=false")

    def deploy(self, *options: str, patience: str = PATIENCE) -> subprocess.CompletedProcess[str]:
        """Install or upgrade the release, and wait until it serves."""
        tag = os.environ.get("TAG", "dev")
        images = [f"--set-string={service}.image.tag={tag}" for service in SERVICES]
        command = ["helm", "upgrade", "--install", "tandem", str(CHART), "--namespace", self.name, *images, *options]
        return attempt(*command, "--wait", "--timeout", patience)

    def helm(self, command: str, *options: str) -> str:
        """Do something with the release that is there."""
        return run("helm", command, "tandem", *options, "--namespace", self.name)

    def of_kind(self, *kinds: str) -> list[Manifest]:
        """Return all objects of these kinds."""
        found = run("kubectl", "get", ",".join(kinds), "--namespace", self.name, "--output", "json")
        objects: list[Manifest] = json.loads(found)["items"]
        return objects

    def names_of(self, *kinds: str) -> set[str]:
        """Return the names of all objects of these kinds."""
        return {found["metadata"]["name"] for found in self.of_kind(*kinds)}

    def secrets(self) -> dict[str, Manifest]:
        """Return what the release's Secrets hold, without Helm's notes of its revisions."""
        made = [secret for secret in self.of_kind("secret") if secret["type"] == "Opaque"]
        return {secret["metadata"]["name"]: secret["data"] for secret in made}

    def generations(self) -> dict[str, int]:
        """Return how often what makes pods was changed."""
        owners = self.of_kind("deployment", "statefulset")
        return {owner["metadata"]["name"]: owner["metadata"]["generation"] for owner in owners}


def attempt(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, check=False, text=True)


def run(*command: str) -> str:
    finished = attempt(*command)
    assert finished.returncode == 0, finished.stderr
    return finished.stdout


@pytest.fixture(scope="module")
def namespace() -> Iterator[Namespace]:
    if "KUBECONFIG" not in os.environ:
        pytest.skip("KUBECONFIG names no cluster to rehearse in")
    missing = [program for program in ("helm", "kubectl") if shutil.which(program) is None]
    if missing:
        pytest.skip(f"not installed: {', '.join(missing)}")
    namespace = Namespace(f"tandem-rehearsal-{uuid4().hex[:8]}")
    namespace.open()
    yield namespace
    namespace.close()


# Each test goes on where the one above it ended, as the life of a release does.


def test_a_release_is_installed_where_pods_have_to_be_restricted_and_nothing_is_warned_of(
    namespace: Namespace,
) -> None:
    installed = namespace.deploy("--set", "global.valkey.enabled=true")

    assert installed.returncode == 0, installed.stderr
    assert "WARN" not in installed.stderr
    assert {f"tandem-{name}" for name in (*SERVICES, "gateway", "postgresql", "valkey")} == set(namespace.generations())


def test_what_is_scheduled_is_let_in_as_well(namespace: Namespace) -> None:
    scheduled = namespace.names_of("cronjob")
    for name in scheduled:
        run("kubectl", "create", "job", f"now-{name}", f"--from=cronjob/{name}", "--namespace", namespace.name)
        run("kubectl", "wait", f"job/now-{name}", "--for=condition=complete", "--timeout=60s", "-n", namespace.name)

    assert len(scheduled) == 3


def test_a_passed_test_leaves_nothing_behind(namespace: Namespace) -> None:
    namespace.helm("test")

    assert not any("journey" in name for name in namespace.names_of("pod", "configmap", "networkpolicy"))


def test_an_upgrade_that_changes_nothing_keeps_secrets_and_rolls_no_pod(namespace: Namespace) -> None:
    secrets, generations = namespace.secrets(), namespace.generations()

    namespace.deploy("--reuse-values").check_returncode()

    assert namespace.secrets() == secrets
    assert namespace.generations() == generations


def test_an_upgrade_that_does_not_come_up_is_rolled_back_while_the_old_pods_serve(namespace: Namespace) -> None:
    serving = {pod["metadata"]["uid"] for pod in namespace.of_kind("pod") if is_server(pod)}

    upgraded = namespace.deploy("--reuse-values", "--rollback-on-failure", *TOO_LARGE, patience="20s")

    assert upgraded.returncode != 0
    assert json.loads(namespace.helm("status", "--output", "json"))["info"]["status"] == "deployed"
    assert serving <= {pod["metadata"]["uid"] for pod in namespace.of_kind("pod") if is_server(pod)}


def test_a_release_that_is_removed_leaves_its_secrets_and_volumes_and_comes_back_with_them(
    namespace: Namespace,
) -> None:
    secrets, volumes = namespace.secrets(), namespace.names_of("persistentvolumeclaim")

    namespace.helm("uninstall", "--wait")

    kinds = ("deployment", "statefulset", "cronjob", "service", "networkpolicy", "horizontalpodautoscaler")
    assert namespace.names_of(*kinds) == set()
    assert namespace.secrets() == secrets
    assert namespace.names_of("persistentvolumeclaim") == volumes

    namespace.deploy().check_returncode()

    assert namespace.secrets() == secrets


def is_server(pod: Manifest) -> bool:
    return bool(pod["metadata"]["labels"].get("app.kubernetes.io/component") == "server")
