"""Draws a dashboard: cards on the grid that Grafana would lay them out on."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch
from matplotlib.ticker import FuncFormatter, MaxNLocator

from observability.dashboards.panels import Dashboard, Panel
from observability.pictures.lines import Line
from observability.pictures.numbers import readable

COLUMNS = 24
COLUMN_INCHES, ROW_INCHES, HEADER_INCHES, GAP_INCHES = 0.55, 0.36, 0.62, 0.07
DOTS_PER_INCH = 100
PAGE, CARD, EDGE, INK, FAINT, GRID = "#f4f5f7", "#ffffff", "#dfe3e8", "#1f2933", "#7b8794", "#eceff2"
PALETTE = ("#3b7dd8", "#12a594", "#f2994a", "#8e5cd9", "#d6456b", "#5b9f2e", "#c9a100", "#4fb3d9")
NAMED = {"green": "#2e9e5b", "orange": "#e08a1e", "red": "#d63b3b"}
LEGEND_ROWS = 2


def draw(dashboard: Dashboard, lines: list[list[Line]], *, start: float, end: float) -> Figure:
    """Return the picture of a dashboard, with the lines of each of its panels."""
    places = list(_places(dashboard.panels))
    rows = max(row + panel.height for panel, (_, row) in zip(dashboard.panels, places, strict=True))
    size = COLUMNS * COLUMN_INCHES, rows * ROW_INCHES + HEADER_INCHES
    figure = Figure(figsize=size, dpi=DOTS_PER_INCH, facecolor=PAGE)
    FigureCanvasAgg(figure)
    _draw_header(figure, dashboard, end=end)
    for panel, place, shown in zip(dashboard.panels, places, lines, strict=True):
        card = _Card(figure, panel, place=place)
        if panel.is_number:
            card.draw_number(shown)
        else:
            card.draw_graph(shown, start=start, end=end)
    return figure


def _places(panels: list[Panel]) -> Iterator[tuple[int, int]]:
    """Yield column and row of each panel: from left to right, then below the highest of its row."""
    column = row = height = 0
    for panel in panels:
        yield column, row
        column, height = column + panel.width, max(height, panel.height)
        if column >= COLUMNS:
            column, row, height = 0, row + height, 0


def _draw_header(figure: Figure, dashboard: Dashboard, *, end: float) -> None:
    top = 1 - 0.25 / figure.get_figheight()
    left = GAP_INCHES * 2 / figure.get_figwidth()
    until = datetime.fromtimestamp(end, UTC)
    figure.text(left, top, dashboard.title, color=INK, fontsize=15, fontweight="bold", va="center")
    period = f"15 minutes until {until:%Y-%m-%d %H:%M} UTC"
    figure.text(1 - left, top, period, color=FAINT, fontsize=9.5, va="center", ha="right")


class _Card:
    """One panel's place on the page."""

    def __init__(self, figure: Figure, panel: Panel, *, place: tuple[int, int]) -> None:
        self._figure = figure
        self._panel = panel
        column, row = place
        self._left = column * COLUMN_INCHES + GAP_INCHES
        self._top = row * ROW_INCHES + HEADER_INCHES - GAP_INCHES
        self._width = panel.width * COLUMN_INCHES - 2 * GAP_INCHES
        self._height = panel.height * ROW_INCHES - 2 * GAP_INCHES
        self._draw_frame()

    def draw_number(self, lines: list[Line]) -> None:
        """Write the last value, over how it came to be."""
        values = lines[0].values if lines else []
        axes = self._axes(left=0.02, right=0.02, top=0.84, bottom=0.04)
        axes.axis("off")
        colour = self._colour_of(values[-1]) if values else FAINT
        text = readable(values[-1], self._panel.unit) if values else "no data"
        self._write(text, down=0.56, colour=colour, size=19)
        if len(set(values)) > 1:
            axes.plot(lines[0].times, values, color=colour, linewidth=1.2)
            axes.fill_between(lines[0].times, values, min(values), color=colour, alpha=0.14, linewidth=0)

    def draw_graph(self, lines: list[Line], *, start: float, end: float) -> None:
        """Draw every line, the thresholds, and a legend."""
        axes = self._axes(left=0.62, right=0.16, top=0.4, bottom=0.52)
        shown = sorted((line for line in lines if line.values), key=lambda line: -max(line.values))
        self._prepare(axes, start=start, end=end)
        if not shown:
            axes.axis("off")
            reason = "only in a cluster" if self._panel.cluster_only else "no data"
            axes.text(0.5, 0.5, reason, color=FAINT, fontsize=10, ha="center", va="center", transform=axes.transAxes)
            return
        if self._panel.stacked:
            _stack(axes, shown)
        else:
            for line, colour in zip(shown, PALETTE * len(shown), strict=False):
                axes.plot(*line.with_gaps(), color=colour, linewidth=1.5, label=line.name)
        axes.set_ylim(bottom=0, top=self._top_of(axes))
        self._draw_thresholds(axes)
        _draw_legend(axes, width_inches=self._width - 0.4)

    def _prepare(self, axes: Axes, *, start: float, end: float) -> None:
        axes.set_xlim(start, end)
        first = datetime.fromtimestamp(start, UTC).replace(second=0) + timedelta(minutes=1)
        times = [first + timedelta(minutes=5 * step) for step in range(3)]
        axes.set_xticks([time.timestamp() for time in times], [f"{time:%H:%M}" for time in times])
        axes.yaxis.set_major_locator(MaxNLocator(4, min_n_ticks=3))
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: readable(value, self._panel.unit)))
        axes.tick_params(colors=FAINT, labelsize=7.5, length=0)
        axes.grid(color=GRID, linewidth=0.8)
        axes.set_axisbelow(True)
        for side in axes.spines.values():
            side.set_visible(False)

    def _top_of(self, axes: Axes) -> float:
        """Leave some air; show a threshold when the lines come near it."""
        highest = axes.dataLim.y1
        near = [threshold.value for threshold in self._panel.thresholds if threshold.value <= 3 * highest]
        return max([highest, *near]) * 1.15 or 1

    def _draw_thresholds(self, axes: Axes) -> None:
        for threshold in self._panel.thresholds:
            if threshold.value <= axes.get_ylim()[1]:
                axes.axhline(threshold.value, color=NAMED[threshold.colour], linewidth=1.1, linestyle=(0, (4, 3)))

    def _colour_of(self, value: float) -> str:
        reached = [threshold.colour for threshold in self._panel.thresholds if value >= threshold.value]
        return NAMED[reached[-1] if reached else self._panel.base_colour]

    def _axes(self, *, left: float, right: float, top: float, bottom: float) -> Axes:
        """Return axes that many inches inside of the card."""
        return self._figure.add_axes(
            self._area(
                self._left + left,
                self._top + top,
                width=self._width - left - right,
                height=self._height - top - bottom,
            )
        )

    def _area(self, left: float, top: float, *, width: float, height: float) -> tuple[float, float, float, float]:
        page_width, page_height = self._figure.get_size_inches()
        below = page_height - top - height
        return left / page_width, below / page_height, width / page_width, height / page_height

    def _draw_frame(self) -> None:
        left, bottom, width, height = self._area(self._left, self._top, width=self._width, height=self._height)
        style = "round,pad=0,rounding_size=0.004"
        box = FancyBboxPatch((left, bottom), width, height, boxstyle=style, facecolor=CARD, edgecolor=EDGE, zorder=-1)
        box.set_transform(self._figure.transFigure)
        self._figure.add_artist(box)
        self._write(self._panel.title, down=0.2, colour=INK, size=8.2 if self._panel.is_number else 9)

    def _write(self, text: str, *, down: float, colour: str, size: float) -> None:
        left, bottom, _, _ = self._area(self._left + 0.12, self._top + down, width=0, height=0)
        self._figure.text(left, bottom, text, color=colour, fontsize=size, fontweight="bold", va="center")


def _stack(axes: Axes, lines: list[Line]) -> None:
    """Draw lines on top of each other; what one has no value for counts as nothing."""
    times = sorted({time for line in lines for time in line.times})
    known = [dict(zip(line.times, line.values, strict=True)) for line in lines]
    values = [[each.get(time, 0.0) for time in times] for each in known]
    colours = [PALETTE[index % len(PALETTE)] for index in range(len(lines))]
    axes.stackplot(times, values, labels=[line.name for line in lines], colors=colours, alpha=0.75, linewidth=0)


def _draw_legend(axes: Axes, *, width_inches: float) -> None:
    """Name the lines in at most two rows, as many as there is room for."""
    handles, names = axes.get_legend_handles_labels()
    if not names:
        # Lines of a single sample, as in the first seconds, have nothing to draw.
        return
    columns = max(1, int(width_inches / (0.3 + 0.058 * max(map(len, names)))))
    room = LEGEND_ROWS * columns
    if len(names) > room:
        names[room - 1] += f" (+{len(names) - room})"
    axes.legend(
        handles[:room],
        names[:room],
        loc="upper left",
        bbox_to_anchor=(-0.06, -0.13),
        ncols=columns,
        frameon=False,
        fontsize=7,
        labelcolor=FAINT,
        handlelength=0.9,
        handleheight=0.6,
        columnspacing=1,
        borderaxespad=0,
        labelspacing=0.2,
    )
