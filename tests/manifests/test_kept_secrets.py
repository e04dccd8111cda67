"""Secrets are made once: Helm, talking to a cluster, finds what is there and keeps it."""

import base64
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import helm_python
import pytest
import yaml

Manifest = dict[str, Any]

NAMESPACE = "shop"
OWNED = {"meta.helm.sh/release-name": "tandem", "meta.helm.sh/release-namespace": NAMESPACE}
KINDS = {
    "v1": {"ConfigMap": "configmaps", "Pod": "pods", "Secret": "secrets", "Service": "services"}
    | {"ServiceAccount": "serviceaccounts"},
    "apps/v1": {"Deployment": "deployments", "StatefulSet": "statefulsets"},
    "batch/v1": {"Job": "jobs", "CronJob": "cronjobs"},
    "networking.k8s.io/v1": {"NetworkPolicy": "networkpolicies"},
}


class Cluster(ThreadingHTTPServer):
    """As much of an API server as Helm asks before it would install: which kinds there are, and which objects."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answers)
        self.objects: dict[str, Manifest] = {}

    def put(self, secrets: list[Manifest]) -> None:
        """Have these Secrets as Helm would have installed them."""
        for secret in secrets:
            data = {key: base64.b64encode(value.encode()).decode() for key, value in secret["stringData"].items()}
            metadata = {**secret["metadata"], "namespace": NAMESPACE}
            metadata["annotations"] = {**metadata["annotations"], **OWNED}
            path = f"/api/v1/namespaces/{NAMESPACE}/secrets/{metadata['name']}"
            self.objects[path] = {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "data": data}

    def find(self, path: str) -> Manifest | None:
        """Return what lies at that path."""
        groups = [group for group in KINDS if "/" in group]
        documents: dict[str, Manifest] = {
            "/version": {"major": "1", "minor": "37", "gitVersion": "v1.37.0"},
            "/api": {"kind": "APIVersions", "versions": ["v1"]},
            "/apis": {"kind": "APIGroupList", "apiVersion": "v1", "groups": list(map(group_of, groups))},
            "/api/v1": resources_of("v1"),
            **{f"/apis/{group}": resources_of(group) for group in groups},
            "/openapi/v3": {"paths": {path_of(group): {"serverRelativeURL": f"/{group}"} for group in KINDS}},
            **{f"/{group}": openapi_of(group) for group in KINDS},
        }
        return documents.get(path) or self.objects.get(path)


class Answers(BaseHTTPRequestHandler):
    """One connection to the cluster."""

    server: Cluster

    def do_GET(self) -> None:
        """Answer with what there is."""
        found = self.server.find(self.path.partition("?")[0])
        missing = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "NotFound", "code": 404}
        body = json.dumps(found or missing).encode()
        self.send_response(200 if found else 404)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def path_of(group: str) -> str:
    return f"apis/{group}" if "/" in group else f"api/{group}"


def group_of(group: str) -> Manifest:
    version = {"groupVersion": group, "version": "v1"}
    return {"name": group.partition("/")[0], "versions": [version], "preferredVersion": version}


def resources_of(group: str) -> Manifest:
    verbs = ["create", "get", "list", "patch"]
    found = [{"name": name, "kind": kind, "namespaced": True, "verbs": verbs} for kind, name in KINDS[group].items()]
    return {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": group, "resources": found}


def openapi_of(group: str) -> Manifest:
    name, _, version = group.rpartition("/")
    paths = {
        f"/{path_of(group)}/namespaces/{{namespace}}/{plural}/{{name}}": {
            "patch": {
                "x-kubernetes-group-version-kind": {"group": name, "version": version, "kind": kind},
                "parameters": [{"name": "fieldValidation", "in": "query"}],
                "responses": {},
            }
        }
        for kind, plural in KINDS[group].items()
    }
    return {"openapi": "3.0.0", "info": {"title": "Kubernetes", "version": "1"}, "paths": paths}


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    with Cluster() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def install(cluster: Cluster, charts: Path) -> list[Manifest]:
    """Return the Secrets that an installation or an upgrade would bring; `lookup` asks the cluster."""
    configuration = {
        "clusters": [{"name": "here", "cluster": {"server": f"http://127.0.0.1:{cluster.server_port}"}}],
        "contexts": [{"name": "here", "context": {"cluster": "here", "user": "", "namespace": NAMESPACE}}],
        "current-context": "here",
    }
    kubeconfig = json.dumps({"apiVersion": "v1", "kind": "Config", **configuration})
    with helm_python.Config(kubeconfig_content=kubeconfig, namespace=NAMESPACE, storage_driver="memory") as config:
        release = config.install(charts / "tandem", "tandem", {}, dry_run="server", namespace=NAMESPACE)
    manifests = yaml.load_all(release["manifest"], Loader=yaml.CSafeLoader)
    return [manifest for manifest in manifests if manifest and manifest["kind"] == "Secret"]


def test_what_was_made_once_is_found_and_kept(cluster: Cluster, charts: Path) -> None:
    made = install(cluster, charts)
    cluster.put(made)

    found = install(cluster, charts)

    assert len(made) == 7
    assert found == made


def test_two_clusters_have_different_secrets(cluster: Cluster, charts: Path) -> None:
    one, other = ({secret["metadata"]["name"]: secret for secret in install(cluster, charts)} for _ in range(2))

    assert one.keys() == other.keys()
    assert all(one[name]["stringData"] != other[name]["stringData"] for name in one)


def test_a_secret_that_is_missing_is_made_and_the_others_stay(cluster: Cluster, charts: Path) -> None:
    made = install(cluster, charts)
    cluster.put([secret for secret in made if secret["metadata"]["name"] != "tandem-superuser"])

    found = install(cluster, charts)

    changed = [after["metadata"]["name"] for before, after in zip(made, found, strict=True) if before != after]
    assert changed == ["tandem-superuser"]
