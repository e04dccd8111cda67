"""A release as the chart renders it, each pod in containers: PostgreSQL, migrations, servers, gateway, journey."""

import itertools
import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import helm_python
import pytest
import yaml

pytestmark = [pytest.mark.images, pytest.mark.timeout(600)]

Manifest = dict[str, Any]

PODMAN = shutil.which("podman")
# Built by test_images.py, which runs before; the others are what the chart names.
VALUES = {service: {"image": {"tag": "test"}} for service in ("auth-service", "items-service")}
NEEDED = ["auth-service:test", "items-service:test", "postgres:18", "traefik:v3", "valkey/valkey:8"]
# What Pod Security "restricted" lets a container do, in podman's words.
CONFINED = ["--read-only", "--read-only-tmpfs=false", "--cap-drop=ALL", "--security-opt=no-new-privileges"]
ATTEMPTS = 8


class Release:
    """Containers in a network of their own, in which the names of Services lead to what they select."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._network = f"release-{uuid4().hex[:8]}"
        self._containers: list[str] = []
        with helm_python.Chart.load(Path(__file__).parents[2] / "deploy" / "charts" / "tandem") as chart:
            rendered = chart.render(VALUES | {"global": {"valkey": {"enabled": True}}}, name="tandem", namespace="shop")
        texts = [text for name, text in rendered.items() if not name.endswith("NOTES.txt")]
        self.manifests = [manifest for text in texts for manifest in yaml.safe_load_all(text) if manifest]
        self._files = {
            (manifest["kind"], manifest["metadata"]["name"]): manifest.get("stringData") or manifest["data"]
            for manifest in self.manifests
            if manifest["kind"] in {"ConfigMap", "Secret"}
        }

    def open(self) -> None:
        """Make the network."""
        podman("network", "create", self._network)

    def close(self) -> None:
        """Remove every container and the network."""
        podman("rm", "--force", "--volumes", *self._containers)
        podman("network", "rm", "--force", self._network)

    def of_kind(self, *kinds: str) -> Iterator[tuple[str, Manifest]]:
        """Give the name and the pod of each object of these kinds."""
        for manifest in (manifest for manifest in self.manifests if manifest["kind"] in kinds):
            spec = manifest["spec"]
            pod = spec["jobTemplate"]["spec"]["template"] if manifest["kind"] == "CronJob" else spec.get("template")
            yield manifest["metadata"]["name"], pod or manifest

    def serve(self, name: str, pod: Manifest) -> None:
        """Start a pod that goes on."""
        finished = self._run(name, "--detach", pod=pod, container=pod["spec"]["containers"][0])
        assert finished.returncode == 0, finished.stderr

    def complete(self, name: str, pod: Manifest) -> list[str]:
        """Run the containers of a pod to their ends, one after the other, and return what each printed last."""
        containers = [*pod["spec"].get("initContainers", []), *pod["spec"]["containers"]]
        return [self._succeed(name, pod=pod, container=container) for container in containers]

    def _succeed(self, name: str, *, pod: Manifest, container: Manifest) -> str:
        finished = None
        for _ in range(ATTEMPTS):  # as a Job does, while the database comes up
            finished = self._run(name, pod=pod, container=container)
            if finished.returncode == 0:
                return (finished.stdout.strip().splitlines() or [""])[-1]
        raise AssertionError(finished and finished.stderr)

    def _run(self, name: str, *options: str, pod: Manifest, container: Manifest) -> subprocess.CompletedProcess[str]:
        user = pod["spec"]["securityContext"]["runAsUser"]
        this = f"{self._network}-{name}-{container['name']}-{len(self._containers)}"
        self._containers.append(this)
        memory = container["resources"]["limits"]["memory"].replace("Mi", "m")
        arguments = ["run", f"--name={this}", f"--network={self._network}", f"--user={user}:{user}", *options]
        arguments += [*CONFINED, f"--memory={memory}", *self._aliases(pod), *self._environment(container)]
        volumes = {volume["name"]: volume for volume in pod["spec"].get("volumes", [])}
        for mount in container.get("volumeMounts", []):
            folder = self._volume(this, volumes.get(mount["name"], {"name": mount["name"]}), user=user)
            arguments.append(f"--volume={folder}:{mount['mountPath']}{':ro' if mount.get('readOnly') else ''}")
        if "command" in container:
            arguments.append(f"--entrypoint={json.dumps(container['command'])}")
        return podman(*arguments, container["image"], *container.get("args", []))

    def _aliases(self, pod: Manifest) -> Iterator[str]:
        labels = pod["metadata"]["labels"].items()
        for service in (manifest for manifest in self.manifests if manifest["kind"] == "Service"):
            if service["spec"]["selector"].items() <= labels:
                yield f"--network-alias={service['metadata']['name']}"

    def _environment(self, container: Manifest) -> Iterator[str]:
        for source in container.get("envFrom", []):
            settings = self._files["ConfigMap", source["configMapRef"]["name"]]
            yield from (f"--env={name}={value}" for name, value in settings.items())
        yield from (f"--env={variable['name']}={variable['value']}" for variable in container.get("env", []))

    def _volume(self, container: str, volume: Manifest, *, user: int) -> Path:
        folder = self._directory / container / str(volume["name"])
        folder.mkdir(parents=True)
        sources = volume.get("projected", {}).get("sources", [volume])
        files = [file for source in sources for file in self._contents(source)]
        for path, text in files:
            (folder / path).write_text(text, encoding="utf-8")
            os.chown(folder / path, 0, user)
            (folder / path).chmod(0o440)
        os.chown(folder, 0 if files else user, user)
        folder.chmod(0o750 if files else 0o770)
        return folder

    def _contents(self, source: Manifest) -> Iterator[tuple[str, str]]:
        for kind, field in (("ConfigMap", "configMap"), ("Secret", "secret")):
            if field in source:
                given = source[field]
                files = self._files[kind, given.get("name") or given["secretName"]]
                items = given.get("items") or [{"key": key, "path": key} for key in files]
                yield from ((item["path"], files[item["key"]]) for item in items)


def podman(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([str(PODMAN), *arguments], capture_output=True, check=False, text=True)


@pytest.fixture
def release(tmp_path: Path) -> Iterator[Release]:
    if PODMAN is None or os.geteuid() != 0:
        pytest.skip("needs podman, as root")
    missing = [image for image in NEEDED if podman("image", "exists", image).returncode != 0]
    if missing:
        pytest.skip(f"these images are not on this machine: {', '.join(missing)}")
    release = Release(tmp_path)
    release.open()
    yield release
    release.close()


def test_a_first_installation_comes_up_with_its_own_database(release: Release) -> None:
    for name, pod in release.of_kind("StatefulSet", "Deployment"):
        release.serve(name, pod)

    jobs = [release.complete(name, pod) for name, pod in release.of_kind("Job")]
    again = [release.complete(name, pod) for name, pod in release.of_kind("Job")]
    scheduled = [release.complete(name, pod) for name, pod in release.of_kind("CronJob")]
    journeys = [release.complete(name, pod) for name, pod in release.of_kind("Pod")]

    assert "Created the client items-service." in itertools.chain(*jobs)
    assert "The account admin@example.com exists; nothing was changed." in itertools.chain(*again)
    assert len(scheduled) == 3
    assert journeys == [["Every journey came to its end."]]
