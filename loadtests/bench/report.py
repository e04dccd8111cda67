"""Writes what was measured as a table of figures and ratios, and draws it."""

from collections.abc import Sequence
from pathlib import Path

from matplotlib.figure import Figure

from loadtests.bench.measurement import Measured

TITLES = {
    "bare": "bare ASGI callable",
    "limit": "the limit: asyncpg, prepared, token remembered",
    "tandem": "items-service as shipped, everything on",
    "guide": "the same as the guides write it",
}
COLORS = {"bare": "#c7c7c7", "limit": "#7f9bb8", "tandem": "#1b7f5c", "guide": "#c97b4a"}


def as_markdown(results: Sequence[Measured]) -> str:
    """Return a table for each load, with each server's share of the limit."""
    return "\n".join(_table(load, [result for result in results if result.load == load]) for load in _loads(results))


def draw(results: Sequence[Measured], path: Path) -> None:
    """Draw requests per second, a panel for each load."""
    loads = _loads(results)
    figure = Figure(figsize=(4 * len(loads), 3.2), layout="constrained")
    for axes, load in zip(figure.subplots(1, len(loads), squeeze=False)[0], loads, strict=True):
        shown = [result for result in results if result.load == load]
        bars = axes.bar(
            [result.stack for result in shown],
            [result.requests_per_second for result in shown],
            color=[COLORS[result.stack] for result in shown],
        )
        axes.bar_label(bars, fmt="{:,.0f}", padding=2)
        axes.set_title(load)
        axes.spines[["top", "right"]].set_visible(False)
        axes.set_ylabel("requests/s")
    figure.savefig(path, dpi=110)


def _loads(results: Sequence[Measured]) -> list[str]:
    return list(dict.fromkeys(result.load for result in results))


def _table(load: str, results: Sequence[Measured]) -> str:
    of_limit = next(result.requests_per_second for result in results if result.stack == "limit")
    lines = [
        f"### {load}\n",
        "| server | requests/s | of the limit | CPU per request | p50 | p99 |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    lines += [
        f"| {TITLES[result.stack]} | {result.requests_per_second:,.0f} | {result.requests_per_second / of_limit:.2f} |"
        f" {result.cpu_microseconds:,.0f} µs | {result.median_milliseconds:.1f} ms | {result.p99_milliseconds:.1f} ms |"
        for result in results
    ]
    return "\n".join(lines) + "\n"
