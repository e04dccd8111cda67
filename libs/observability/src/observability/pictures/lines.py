"""What a panel shows as lines of a picture."""

import math
import re
from dataclasses import dataclass

from observability.dashboards.panels import Panel
from observability.prometheus import Prometheus, Series

STEP_SECONDS = 10
RATE_INTERVAL = "1m"
LABEL = re.compile(r"\{\{(\w+)\}\}")


@dataclass(frozen=True)
class Line:
    """One series: where it is missing or infinite there is no point."""

    name: str
    times: list[float]
    values: list[float]

    def with_gaps(self) -> tuple[list[float], list[float]]:
        """Return the points with a hole where samples are missing, so that nothing is drawn there."""
        times, values = self.times[:1], self.values[:1]
        for time, value in zip(self.times[1:], self.values[1:], strict=True):
            if time - times[-1] > STEP_SECONDS:
                times.append(time)
                values.append(math.nan)
            times.append(time)
            values.append(value)
        return times, values


def lines_of(panel: Panel, prometheus: Prometheus, *, start: float, end: float) -> list[Line]:
    """Ask Prometheus for everything that a panel shows."""
    return [
        _line(series, legend=query.legend or panel.title)
        for query in panel.queries
        for series in prometheus.query_range(_filled(query.expression), start=start, end=end, step_seconds=STEP_SECONDS)
    ]


def _filled(expression: str) -> str:
    """Put in what Grafana would: every namespace, and a window that always has some samples."""
    return expression.replace("$namespace", ".*").replace("$__rate_interval", RATE_INTERVAL)


def _line(series: Series, *, legend: str) -> Line:
    name = LABEL.sub(lambda label: series["metric"].get(label[1], ""), legend).strip()
    points = [(float(time), float(value)) for time, value in series["values"]]
    finite = [(time, value) for time, value in points if math.isfinite(value)]
    return Line(name, [time for time, _ in finite], [value for _, value in finite])
