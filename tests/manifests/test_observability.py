"""What the cluster observes with is what lies in deploy/observability, under the labels that the operators look for."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

Manifest = dict[str, Any]
Render = Callable[..., list[Manifest]]

OBSERVABILITY = Path(__file__).parents[2] / "deploy" / "observability"


def test_every_rule_is_installed(render: Render, values_of: Callable[[str], Manifest]) -> None:
    files = [yaml.safe_load(file.read_text(encoding="utf-8")) for file in sorted(OBSERVABILITY.glob("rules/*.yaml"))]

    installed = [manifest for manifest in render(values_of("options")) if manifest["kind"] == "PrometheusRule"]

    assert [rule["spec"] for rule in installed] == files
    assert all(rule["metadata"]["labels"]["release"] == "prometheus" for rule in installed)


def test_every_dashboard_is_installed(render: Render, values_of: Callable[[str], Manifest]) -> None:
    files = {file.name: file.read_text(encoding="utf-8").rstrip() for file in OBSERVABILITY.glob("dashboards/*.json")}

    found = [
        manifest
        for manifest in render(values_of("options"))
        if manifest["metadata"]["labels"]["app.kubernetes.io/name"] == "dashboards"
    ]

    assert {name: text.rstrip() for manifest in found for name, text in manifest["data"].items()} == files
    assert all(manifest["metadata"]["labels"]["grafana_dashboard"] == "1" for manifest in found)
    assert all(manifest["metadata"]["annotations"] == {"grafana_folder": "Tandem"} for manifest in found)


def test_links_to_runbooks_lead_where_they_are_shown(render: Render, values_of: Callable[[str], Manifest]) -> None:
    values = values_of("options")
    values["rules"]["runbooks"] = "https://runbooks.example.com"

    manifests = render(values)

    texts = [str(each) for each in manifests if each["kind"] == "PrometheusRule" or "grafana_dashboard" in str(each)]
    assert any("https://runbooks.example.com/no-ready-replica.md" in text for text in texts)
    assert not any("deploy/observability/runbooks" in text for text in texts)


def test_prometheus_knows_the_services_by_their_names(render: Render, values_of: Callable[[str], Manifest]) -> None:
    manifests = render(values_of("options"))
    services = {manifest["metadata"]["name"]: manifest for manifest in manifests if manifest["kind"] == "Service"}

    for monitor in (manifest for manifest in manifests if manifest["kind"] == "ServiceMonitor"):
        service = services[monitor["metadata"]["name"]]
        assert monitor["spec"]["selector"]["matchLabels"].items() <= service["metadata"]["labels"].items()
        assert service["metadata"]["labels"][monitor["spec"]["jobLabel"]] in {"auth-service", "items-service"}
        ports = {port["name"] for port in service["spec"]["ports"]}
        assert {endpoint["port"] for endpoint in monitor["spec"]["endpoints"]} <= ports


def test_a_pod_says_where_its_metrics_are(render: Render) -> None:
    servers = [
        manifest for manifest in render() if manifest["metadata"]["labels"]["app.kubernetes.io/name"] == "auth-service"
    ]
    pod = next(manifest for manifest in servers if manifest["kind"] == "Deployment")["spec"]["template"]

    ports = {port["name"]: port["containerPort"] for port in pod["spec"]["containers"][0]["ports"]}

    assert pod["metadata"]["annotations"]["prometheus.io/port"] == str(ports["metrics"])
