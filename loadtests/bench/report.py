"""Writes what was measured as tables of figures and ratios, and draws it."""

from collections.abc import Iterable, Mapping, Sequence
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


def draw(comparisons: Mapping[str, Comparison], path: Path) -> None:
    """Draw requests per second, a panel for each load of each comparison."""
    panels = {
        f"{name}: {load}": [each for each in comparison.results if each.load == load]
        for name, comparison in comparisons.items()
        for load in _loads(comparison.results)
    }
    heights = [1 + len(results) for results in panels.values()]
    figure = Figure(figsize=(9, 0.32 * sum(heights)), layout="constrained")
    grid = figure.subplots(len(panels), 1, squeeze=False, height_ratios=heights)
    for axes, (title, results) in zip(grid.flat, panels.items(), strict=True):
        bars = axes.barh(
            [TITLES.get(each.stack, each.stack) for each in results],
            [each.requests_per_second for each in results],
            color=[COLORS.get(each.stack, OTHER_COLOR) for each in results],
        )
        axes.bar_label(bars, fmt="{:,.0f}", padding=2)
        axes.invert_yaxis()
        axes.set_title(f"{title}, requests/s", loc="left", fontsize="medium")
        axes.spines[["top", "right"]].set_visible(False)
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
