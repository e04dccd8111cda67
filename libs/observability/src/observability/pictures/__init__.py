"""Dashboards as pictures, where no Grafana is at hand."""

import time
from collections.abc import Iterator
from pathlib import Path

from observability.dashboards import all_dashboards
from observability.objectives import Objectives
from observability.pictures.drawing import draw
from observability.pictures.lines import lines_of
from observability.prometheus import Prometheus

SHOWN_SECONDS = 15 * 60


def write_pictures(prometheus: Prometheus, objectives: Objectives, *, directory: Path) -> Iterator[Path]:
    """Draw the last 15 minutes of every dashboard, and yield each file as soon as it is written."""
    directory.mkdir(parents=True, exist_ok=True)
    end = time.time()
    for dashboard in all_dashboards(objectives):
        lines = [lines_of(panel, prometheus, start=end - SHOWN_SECONDS, end=end) for panel in dashboard.panels]
        file = directory / f"{dashboard.uid.removeprefix('tandem-')}.png"
        draw(dashboard, lines, start=end - SHOWN_SECONDS, end=end).savefig(file)
        yield file
