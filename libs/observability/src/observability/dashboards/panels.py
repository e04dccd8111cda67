"""What a dashboard shows, before it becomes Grafana's JSON or a picture."""

from dataclasses import dataclass, field
from enum import StrEnum

NAMESPACE = 'namespace=~"$namespace"'
RATE = "$__rate_interval"
STAT_HEIGHT = 4
GRAPH_HEIGHT = 6


class Unit(StrEnum):
    """Units by Grafana's names."""

    SECONDS = "s"
    BYTES = "bytes"
    SHARE = "percentunit"
    PER_SECOND = "cps"
    REQUESTS_PER_SECOND = "reqps"
    NUMBER = "short"
    YES_NO = "bool_yes_no"


@dataclass(frozen=True)
class Query:
    """One expression, and how its series are called."""

    expression: str
    legend: str = ""
    exemplars: bool = False


@dataclass(frozen=True)
class Threshold:
    """From this value on the panel is of that colour; on a graph it is a line."""

    value: float
    colour: str


@dataclass(frozen=True, kw_only=True)
class Panel:
    """A graph over time, or a number when `is_number`."""

    title: str
    description: str
    unit: Unit
    queries: list[Query]
    width: int = 8
    is_number: bool = False
    stacked: bool = False
    thresholds: list[Threshold] = field(default_factory=list)
    base_colour: str = "green"
    runbook: str = ""
    cluster_only: bool = False

    @property
    def height(self) -> int:
        """How many rows of the grid it takes."""
        return STAT_HEIGHT if self.is_number else GRAPH_HEIGHT


@dataclass(frozen=True, kw_only=True)
class Dashboard:
    """One screen."""

    uid: str
    title: str
    description: str
    panels: list[Panel]


def number(title: str, expression: str, *, description: str, unit: Unit, **options: object) -> Panel:
    """Return a panel of one number, six of which fill a row."""
    queries = [Query(expression)]
    return Panel(title=title, description=description, unit=unit, queries=queries, width=4, is_number=True, **options)  # type: ignore[arg-type]  # the caller's keywords are Panel's


def labels(*matchers: str) -> str:
    """Return label matchers that keep to the chosen namespace."""
    return "{" + ",".join((NAMESPACE, *matchers)) + "}"


def quantile(share: float, histogram: str, *, by: str = "", matchers: tuple[str, ...] = ()) -> str:
    """Return the quantile of a histogram, over all replicas."""
    groups = ", ".join(filter(None, ("le", by)))
    return f"histogram_quantile({share:g}, sum by ({groups}) (rate({histogram}_bucket{labels(*matchers)}[{RATE}])))"


def per_second(counter: str, *, by: str = "", matchers: tuple[str, ...] = ()) -> str:
    """Return how fast a counter rises, over all replicas."""
    grouping = f" by ({by})" if by else ""
    return f"sum{grouping} (rate({counter}{labels(*matchers)}[{RATE}]))"
