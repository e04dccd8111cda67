"""What a container is told is what its service reads: public settings from the ConfigMap, secrets as files."""

from collections.abc import Callable, Iterator
from typing import Any

from auth_service.core.config import Settings as AuthSettings
from items_service.core.config import Settings as ItemsSettings
from service_chassis.settings import ServiceSettings

Manifest = dict[str, Any]
Render = Callable[..., list[Manifest]]

SETTINGS: dict[str, type[ServiceSettings]] = {"auth-service": AuthSettings, "items-service": ItemsSettings}
SECRET_SETTINGS = {"SECRET_KEY", "DATABASE_URL", "SMTP_URL", "FEED_CLIENT_SECRET"}
# Where secret files are is asked before anything is read.
OTHERS = {"SECRETS_DIRECTORY"}


def test_every_setting_is_one_that_the_service_reads(manifests: list[Manifest]) -> None:
    for service, settings in SETTINGS.items():
        known = {name.upper() for name in settings.model_fields} | OTHERS
        told = config_map(manifests, f"tandem-{service}").keys()
        assert told <= known


def test_no_secret_is_in_a_config_map(manifests: list[Manifest]) -> None:
    for manifest in (manifest for manifest in manifests if manifest["kind"] == "ConfigMap"):
        assert not SECRET_SETTINGS & manifest["data"].keys()
        assert not any("postgresql://" in text for text in manifest["data"].values())


def test_no_secret_is_in_a_command_line(containers: dict[str, Manifest], manifests: list[Manifest]) -> None:
    secrets = {
        value for manifest in manifests if manifest["kind"] == "Secret" for value in manifest["stringData"].values()
    }

    for container in containers.values():
        words = " ".join([*container.get("command", []), *container.get("args", [])])
        assert not any(secret in words for secret in secrets)


def test_a_release_reads_only_secrets_that_it_makes_or_names(
    case: str, manifests: list[Manifest], pods: dict[str, Manifest], values_of: Callable[[str], Manifest]
) -> None:
    made = {manifest["metadata"]["name"] for manifest in manifests if manifest["kind"] in {"Secret", "ExternalSecret"}}
    # The CloudNativePG operator makes this one beside each Cluster.
    made |= {f"{manifest['metadata']['name']}-app" for manifest in manifests if manifest["kind"] == "Cluster"}
    named = set(words_of(values_of(case)))

    assert {secret for pod in pods.values() for secret in secrets_of(pod["spec"])} <= made | named


def test_production_makes_no_secret(render: Render, values_of: Callable[[str], Manifest]) -> None:
    assert [manifest for manifest in render(values_of("production")) if manifest["kind"] == "Secret"] == []


def test_what_was_made_once_stays_when_the_release_goes(render: Render) -> None:
    secrets = [manifest for manifest in render() if manifest["kind"] == "Secret"]

    assert len(secrets) == 7
    assert all(secret["metadata"]["annotations"]["helm.sh/resource-policy"] == "keep" for secret in secrets)


def test_the_url_of_a_database_has_the_password_that_the_server_gives(render: Render) -> None:
    secrets = {manifest["metadata"]["name"]: manifest for manifest in render() if manifest["kind"] == "Secret"}

    database = secrets["tandem-auth-service-database"]["stringData"]

    assert database["DATABASE_URL"] == f"postgresql://auth:{database['password']}@tandem-postgresql:5432/auth"


def test_both_services_know_one_issuer_and_one_feed_client(
    manifests: list[Manifest], pods: dict[str, Manifest]
) -> None:
    auth, items = (config_map(manifests, f"tandem-{service}") for service in SETTINGS)

    assert auth["TOKEN_ISSUER"] == items["TOKEN_ISSUER"]
    assert items["AUTH_SERVICE_URL"] == "http://tandem-auth-service:8000"
    feed_clients = {
        secret for pod in pods.values() for secret in secrets_of(pod["spec"]) if secret.endswith("feed-client")
    }
    assert len(feed_clients) == 1


def config_map(manifests: list[Manifest], name: str) -> dict[str, str]:
    found: dict[str, str] = next(
        manifest["data"]
        for manifest in manifests
        if manifest["kind"] == "ConfigMap" and manifest["metadata"]["name"] == name
    )
    return found


def secrets_of(spec: Manifest) -> Iterator[str]:
    for volume in spec.get("volumes", []):
        if "secret" in volume:
            yield volume["secret"]["secretName"]
        for source in volume.get("projected", {}).get("sources", []):
            yield source["secret"]["name"]
    for container in spec["containers"]:
        for variable in container.get("env", []):
            if "valueFrom" in variable:
                yield variable["valueFrom"]["secretKeyRef"]["name"]


def words_of(values: object) -> Iterator[str]:
    if isinstance(values, dict):
        for value in values.values():
            yield from words_of(value)
    elif isinstance(values, str):
        yield values
