"""Numbers as people read them."""

import math

from observability.dashboards.panels import Unit

TIMES = ((86400.0, "d"), (3600.0, "h"), (60.0, "min"), (1.0, "s"), (1e-3, "ms"), (1e-6, "µs"))
SIZES = ((2.0**30, "GiB"), (2.0**20, "MiB"), (2.0**10, "KiB"), (1.0, "B"))


def readable(value: float, unit: Unit) -> str:
    """Write a value in its unit, such as 120 ms or 99.9 %."""
    if unit is Unit.YES_NO:
        return "yes" if value else "no"
    if unit is Unit.SHARE:
        return f"{_short(100 * value)} %"
    if unit in {Unit.SECONDS, Unit.BYTES}:
        return _scaled(value, TIMES if unit is Unit.SECONDS else SIZES)
    return _short(value) + (" /s" if unit in {Unit.PER_SECOND, Unit.REQUESTS_PER_SECOND} else "")


def _scaled(value: float, scale: tuple[tuple[float, str], ...]) -> str:
    size, name = next(((size, name) for size, name in scale if abs(value) >= size), scale[-1])
    return f"{_short(value / size)} {name}" if value else "0"


def _short(value: float) -> str:
    if value == 0:
        return "0"
    digits = max(0, 2 - math.floor(math.log10(abs(value))))
    return f"{value:.{min(digits, 4)}f}".rstrip("0").rstrip(".") if digits else f"{value:.0f}"
