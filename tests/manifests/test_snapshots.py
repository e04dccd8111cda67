"""What each case renders to, committed, so that a review sees it change; `make manifests` writes it."""

from pathlib import Path
from typing import Any

import yaml

Manifest = dict[str, Any]

NAME = "app.kubernetes.io/name"
SNAPSHOTS = Path(__file__).with_name("snapshots")
# Made of files in deploy/observability, which a review sees there.
OF_FILES = ("dashboards", "rules")


def test_the_snapshot_is_current(case: str, manifests: list[Manifest], *, renew: bool) -> None:
    snapshot = SNAPSHOTS / f"{case}.yaml"
    shown = [manifest for manifest in manifests if manifest["metadata"]["labels"][NAME] not in OF_FILES]
    current = yaml.dump_all(map(reviewable, shown), sort_keys=False, width=1000)
    if renew:
        snapshot.write_text(current, encoding="utf-8")

    assert snapshot.read_text(encoding="utf-8") == current


def test_there_is_a_snapshot_of_every_case_and_no_other(cases: list[str]) -> None:
    assert sorted(file.stem for file in SNAPSHOTS.glob("*.yaml")) == sorted(cases)


def reviewable(manifest: Manifest) -> Manifest:
    """Leave out what is random."""
    if manifest["kind"] == "Secret":
        return {**manifest, "stringData": dict.fromkeys(manifest["stringData"], "(made once)")}
    return manifest
