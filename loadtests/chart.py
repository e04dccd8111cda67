"""Draws a run over time: what was asked for, and how long it took."""

import csv
from datetime import datetime
from pathlib import Path

from matplotlib.figure import Figure

PERCENTILES = {"50%": "#7fb8a4", "95%": "#1b7f5c", "99%": "#c97b4a"}


def draw_history(history: Path, picture: Path, *, title: str) -> None:
    """Draw the totals of a history that locust has written."""
    with history.open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["Name"] == "Aggregated" and row["50%"] != "N/A"]
    times = [datetime.fromtimestamp(int(row["Timestamp"])).astimezone() for row in rows]
    figure = Figure(figsize=(10, 5), layout="constrained")
    rates, latencies = figure.subplots(2, 1, sharex=True)
    rates.plot(times, [float(row["Requests/s"]) for row in rows], color="#1b7f5c", label="requests/s")
    rates.plot(times, [float(row["Failures/s"]) for row in rows], color="#b3372f", label="failures/s")
    rates.plot(times, [float(row["User Count"]) for row in rows], color="#9a9a9a", linestyle="--", label="users")
    for percentile, color in PERCENTILES.items():
        latencies.plot(times, [float(row[percentile]) for row in rows], color=color, label=f"p{percentile[:-1]}")
    latencies.set_ylabel("milliseconds")
    rates.set_title(title)
    for axes in (rates, latencies):
        axes.set_ylim(bottom=0)
        axes.spines[["top", "right"]].set_visible(False)
        axes.legend(loc="upper left", frameon=False, ncols=3)
    figure.savefig(picture, dpi=110)
