"""Durations, and rules on a faster clock."""

import pytest

from observability.durations import on_a_faster_clock, prometheus_duration


@pytest.mark.parametrize(
    ("seconds", "text"), [(30, "30s"), (90, "90s"), (300, "5m"), (21600, "6h"), (86400, "1d"), (2592000, "30d")]
)
def test_a_duration_is_written_in_its_largest_whole_unit(seconds: int, text: str) -> None:
    assert prometheus_duration(seconds) == text


@pytest.mark.parametrize(
    ("rule", "faster"),
    [
        ("expr: rate(a_total[5m]) > 0.5", "expr: rate(a_total[5s]) > 0.5"),
        ("expr: avg_over_time((a > bool 5)[5m:30s])", "expr: avg_over_time((a > bool 5)[5s:1s])"),
        ("for: 1h", "for: 1m"),
        ("interval: 30s", "interval: 1s"),
        ("description: in the last 1h, 5m ago", "description: in the last 1h, 5m ago"),
    ],
)
def test_on_a_faster_clock_windows_and_waits_are_shorter(rule: str, faster: str) -> None:
    assert on_a_faster_clock(rule, times=60) == faster
