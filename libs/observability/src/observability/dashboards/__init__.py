"""The four dashboards, as code."""

from observability.dashboards.auth_service import auth_service
from observability.dashboards.items_service import items_service
from observability.dashboards.overview import overview
from observability.dashboards.panels import Dashboard
from observability.dashboards.runtime import runtime
from observability.objectives import Objectives


def all_dashboards(objectives: Objectives) -> list[Dashboard]:
    """Return them in the order in which one looks at them."""
    return [overview(objectives), auth_service(objectives), items_service(objectives), runtime()]
