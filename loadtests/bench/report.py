"""Writes what was measured as tables of figures and ratios, and draws it."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from matplotlib.figure import Figure

from loadtests.bench.measurement import Comparison, Measured, Ratio, rate_of

TITLES = {
    "bare": "bare ASGI callable",
    "limit": "the limit: asyncpg, prepared, token remembered",
    "tandem": "ours as shipped, everything on",
    "guide": "the same as the guides write it",
    "argon2": "bare ASGI callable that verifies one password",
    "refresh": "bare ASGI callable with the same statements",
}
COLORS = {"tandem": "#1b7f5c", "guide": "#c97b4a", "bare": "#c7c7c7"}
OTHER_COLOR = "#7f9bb8"


def ratios_as_markdown(comparisons: Iterable[Comparison]) -> str:
    """Return one table of what was to be reached."""
    lines = ["| what | asked for | measured | |", "|---|---:|---:|---|"]
    lines += [_ratio_row(ratio) for comparison in comparisons for ratio in comparison.ratios]
    return "\n".join(lines) + "\n"


def as_markdown(name: str, comparison: Comparison) -> str:
    """Return a section with a table for each load, and each server's share of the reference."""
    results = comparison.results
    tables = [
        _table(load, [each for each in results if each.load == load], reference=comparison.reference)
        for load in _loads(results)
    ]
    return "\n".join([f"## {name.capitalize()}\n", *tables, *([comparison.note] if comparison.note else [])])


def draw(comparisons: Iterable[Comparison], path: Path) -> None:
    """Draw requests per second, a panel for each load."""
    results = [result for comparison in comparisons for result in comparison.results]
    loads = _loads(results)
    rows = -(-len(loads) // 3)
    figure = Figure(figsize=(12, 3.2 * rows), layout="constrained")
    panels = figure.subplots(rows, 3, squeeze=False).flat
    for axes, load in zip(panels, loads, strict=False):
        shown = [result for result in results if result.load == load]
        bars = axes.bar(
            [result.stack for result in shown],
            [result.requests_per_second for result in shown],
            color=[COLORS.get(result.stack, OTHER_COLOR) for result in shown],
        )
        axes.bar_label(bars, fmt="{:,.0f}", padding=2)
        axes.set_title(load)
        axes.spines[["top", "right"]].set_visible(False)
        axes.set_ylabel("requests/s")
    for axes in list(figure.axes)[len(loads) :]:
        axes.remove()
    figure.savefig(path, dpi=110)


def _loads(results: Sequence[Measured]) -> list[str]:
    return list(dict.fromkeys(result.load for result in results))


def _ratio_row(ratio: Ratio) -> str:
    asked = f"≥ {ratio.at_least:g}" if ratio.at_least is not None else f"≤ {ratio.at_most:g}"
    return f"| {ratio.what} | {asked} | {ratio.measured:.2f} | {'reached' if ratio.is_kept else '**not reached**'} |"


def _table(load: str, results: Sequence[Measured], *, reference: str) -> str:
    of_reference = rate_of(results, load=load, stack=reference)
    lines = [
        f"### {load}\n",
        f'| server | requests/s | of "{reference}" | CPU per request | p50 | p99 | memory |',
        "|---|---:|---:|---:|---:|---:|---:|",
    ]
    lines += [
        f"| {TITLES.get(each.stack, each.stack)} | {each.requests_per_second:,.0f}"
        f" | {each.requests_per_second / of_reference:.2f}"
        f" | {each.cpu_microseconds:,.0f} µs | {each.median_milliseconds:.1f} ms | {each.p99_milliseconds:.1f} ms"
        f" | {each.resident_megabytes:.0f} MB |"
        for each in results
    ]
    return "\n".join(lines) + "\n"
