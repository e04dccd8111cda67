"""The network has exactly the designed edges: who is reached by whom, on which port, and where each part may go."""

from collections.abc import Callable
from typing import Any

Manifest = dict[str, Any]
Render = Callable[..., list[Manifest]]

PRODUCTION = {
    "ingress": {
        "namespace gateway -> auth-service server: http",
        "namespace gateway -> items-service server: http",
        "items-service -> auth-service server: http",
        "gateway -> auth-service server: http",
        "gateway -> items-service server: http",
        "journey -> auth-service server: http",
        "journey -> items-service server: http",
        "namespace monitoring -> auth-service server: metrics",
        "namespace monitoring -> items-service server: metrics",
    },
    "egress": {
        *(
            f"{pods} -> {target}"
            for service in ("auth-service", "items-service")
            for pods in (f"{service} server", f"{service} migration, scheduled")
            for target in (
                "namespace kube-system: 53",
                f"cluster tandem-{service}-db: 5432",
                f"pooler tandem-{service}-db-pooler: 5432",
            )
        ),
        "auth-service server -> namespace monitoring: 4318",
        "items-service server -> namespace monitoring: 4318",
        "items-service server -> auth-service: 8000",
        "auth-service server -> namespace valkey: 6379",
        "auth-service server -> 192.0.2.25/32: 465",
        "journey journey -> namespace kube-system: 53",
        "journey journey -> auth-service server: http",
        "journey journey -> items-service server: http",
    },
}
LOCAL_INGRESS = {
    "anybody -> gateway gateway: http",
    "gateway -> auth-service server: http",
    "gateway -> items-service server: http",
    "items-service -> auth-service server: http",
    "journey -> auth-service server: http",
    "journey -> items-service server: http",
    "namespace monitoring -> auth-service server: metrics",
    "namespace monitoring -> items-service server: metrics",
    "auth-service -> postgresql postgresql: postgresql",
    "items-service -> postgresql postgresql: postgresql",
}


def test_production_has_exactly_the_designed_edges(render: Render, values_of: Callable[[str], Manifest]) -> None:
    manifests = render(values_of("production"))

    assert edges(manifests, "ingress") == PRODUCTION["ingress"]
    assert edges(manifests, "egress") == PRODUCTION["egress"]


def test_a_local_release_is_reached_through_its_gateway(render: Render) -> None:
    assert edges(render(), "ingress") == LOCAL_INGRESS


LOAD_TEST = {
    "load-test-worker load-test-worker -> namespace kube-system: 53",
    "load-test-worker load-test-worker -> load-test load-test: locust",
}


def test_a_load_test_reaches_the_way_in_and_nothing_behind_it(
    render: Render, values_of: Callable[[str], Manifest]
) -> None:
    local = render({"loadTest": {"enabled": True}})
    elsewhere = render(values_of("options"))

    assert edges(local, "egress") - edges(render(), "egress") == {
        *LOAD_TEST,
        "load-test-worker load-test-worker -> gateway gateway: http",
    }
    assert {edge for edge in edges(elsewhere, "egress") if edge.startswith("load-test")} == {
        *LOAD_TEST,
        "load-test-worker load-test-worker -> 192.0.2.80/32: 443",
    }
    assert edges(local, "ingress") - LOCAL_INGRESS == {"load-test-worker -> load-test load-test: locust"}


def test_every_pod_is_denied_what_no_policy_lets_through(
    case: str, manifests: list[Manifest], pods: dict[str, Manifest], values_of: Callable[[str], Manifest]
) -> None:
    enabled = values_of(case).get("global", {}).get("networkPolicy", {}).get("enabled", True)
    policies = [manifest["spec"] for manifest in manifests if manifest["kind"] == "NetworkPolicy"]

    for owner, pod in pods.items():
        covering = [policy for policy in policies if selects(policy["podSelector"], pod["metadata"]["labels"])]
        assert bool(covering) is enabled, owner
        assert all(policy["policyTypes"] == ["Ingress", "Egress"] for policy in covering)


def test_ports_in_policies_are_ports_of_pods(manifests: list[Manifest], pods: dict[str, Manifest]) -> None:
    for policy in (manifest["spec"] for manifest in manifests if manifest["kind"] == "NetworkPolicy"):
        named = {port["port"] for rule in policy.get("ingress", []) for port in rule["ports"]}
        for pod in (pod for pod in pods.values() if selects(policy["podSelector"], pod["metadata"]["labels"])):
            ports = {port["name"] for container in pod["spec"]["containers"] for port in container.get("ports", [])}
            assert named <= ports


def test_only_public_paths_are_routed_whichever_way_in(render: Render, values_of: Callable[[str], Manifest]) -> None:
    public = {
        "/api/v1/auth": "tandem-auth-service",
        "/api/v1/users": "tandem-auth-service",
        "/.well-known": "tandem-auth-service",
        "/docs": "tandem-auth-service",
        "/api/v1/items": "tandem-items-service",
    }

    by_route = {
        match["path"]["value"]: rule["backendRefs"][0]["name"]
        for route in render(values_of("production"))
        if route["kind"] == "HTTPRoute"
        for rule in route["spec"]["rules"]
        for match in rule["matches"]
    }
    by_ingress = {
        path["path"]: path["backend"]["service"]["name"]
        for ingress in render(values_of("options"))
        if ingress["kind"] == "Ingress"
        for path in ingress["spec"]["rules"][0]["http"]["paths"]
    }

    assert by_route == public
    assert by_ingress == public


def edges(manifests: list[Manifest], direction: str) -> set[str]:
    found = set()
    for policy in (manifest["spec"] for manifest in manifests if manifest["kind"] == "NetworkPolicy"):
        this = name_of(policy["podSelector"])
        for rule in policy.get(direction, []):
            others = [peer_name(peer) for peer in rule.get("from" if direction == "ingress" else "to", [])] or [
                "anybody"
            ]
            ports = {str(port["port"]) for port in rule["ports"]}
            for other in others:
                ends = (other, this) if direction == "ingress" else (this, other)
                found |= {f"{ends[0]} -> {ends[1]}: {port}" for port in ports}
    return found


def peer_name(peer: Manifest) -> str:
    if "ipBlock" in peer:
        return str(peer["ipBlock"]["cidr"])
    if "namespaceSelector" in peer:
        return f"namespace {peer['namespaceSelector']['matchLabels']['kubernetes.io/metadata.name']}"
    return name_of(peer["podSelector"])


def name_of(selector: Manifest) -> str:
    labels = selector["matchLabels"]
    for label in ("cnpg.io/cluster", "cnpg.io/poolerName"):
        if label in labels:
            return f"{label.removeprefix('cnpg.io/').removesuffix('Name')} {labels[label]}"
    components = [labels.get("app.kubernetes.io/component", "")]
    components += [", ".join(expression["values"]) for expression in selector.get("matchExpressions", [])]
    return " ".join([labels["app.kubernetes.io/name"], *filter(None, components)])


def selects(selector: Manifest, labels: dict[str, str]) -> bool:
    return selector["matchLabels"].items() <= labels.items() and all(
        labels.get(expression["key"]) in expression["values"] for expression in selector.get("matchExpressions", [])
    )
