"""Tells a Prometheus on this machine where the services' metrics are."""

import json
from collections.abc import Mapping
from pathlib import Path

from local_stack.ports import LOOPBACK

TARGETS_FILE = "prometheus-targets.json"


def write_metrics_targets(directory: Path, *, ports: Mapping[str, int]) -> None:
    """Write, by service, where to scrape into a file that Prometheus watches (`file_sd_configs`).

    On a cluster the labels come from the pods; here they are given, so that rules and dashboards find the same.
    """
    targets = [
        {"targets": [f"{LOOPBACK}:{port}"], "labels": {"job": name, "namespace": "local"}}
        for name, port in ports.items()
    ]
    (directory / TARGETS_FILE).write_text(json.dumps(targets, indent=1), encoding="utf-8")
