"""Searches for the highest rate that is kept, in few steps."""

import math
from collections.abc import Callable

GROWTH = 2.0
# Nearer to each other than this, a rate that is kept and one that is not are the same.
PRECISION = 1.1
LEAST_RATE = 1.0


def highest_rate(keeps: Callable[[float], bool], *, first: float) -> float:
    """Return the highest rate that was kept, 0 when none was: double it until it breaks, then halve what is between."""
    kept, broken = 0.0, math.inf
    rate = first
    while broken / max(kept, LEAST_RATE) > PRECISION:
        if keeps(rate):
            kept = rate
        else:
            broken = rate
        rate = _between(kept, broken)
    return kept


def confirmed_rate(keeps: Callable[[float], bool], rate: float) -> float:
    """Return the rate, or the next lower one that is kept: what a short run bears may pile up in a longer one."""
    while rate >= LEAST_RATE and not keeps(rate):
        rate /= PRECISION
    return rate if rate >= LEAST_RATE else 0.0


def _between(kept: float, broken: float) -> float:
    if broken == math.inf:
        return kept * GROWTH
    return math.sqrt(kept * broken) if kept else broken / GROWTH
