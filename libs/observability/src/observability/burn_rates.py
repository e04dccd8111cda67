"""How fast an error budget may burn before somebody is told, after the SRE workbook's chapter on alerting on SLOs."""

from dataclasses import dataclass
from typing import Literal

from observability.durations import prometheus_duration

MINUTE_SECONDS = 60
HOUR_SECONDS = 60 * MINUTE_SECONDS
DAY_SECONDS = 24 * HOUR_SECONDS
BASE_WINDOW_SECONDS = 5 * MINUTE_SECONDS
PERIOD_SECONDS = 30 * DAY_SECONDS


@dataclass(frozen=True, kw_only=True)
class BurnRate:
    """Burning at `factor` times the allowed rate, over the long window and still in the short one."""

    factor: float
    long_seconds: int
    short_seconds: int
    pending_seconds: int
    severity: Literal["page", "ticket"]

    @property
    def long_window(self) -> str:
        """Such as 1h."""
        return prometheus_duration(self.long_seconds)

    @property
    def short_window(self) -> str:
        """Such as 5m."""
        return prometheus_duration(self.short_seconds)

    @property
    def budget_lasts(self) -> str:
        """How long a whole budget lasts at this rate, in words."""
        hours = PERIOD_SECONDS / HOUR_SECONDS / self.factor
        return f"{hours:.0f} hours" if hours < 3 * 24 else f"{hours / 24:.0f} days"


# A page at 2 % of the budget in an hour or 5 % in six, a ticket at 10 % in one day or in three.
BURN_RATES = (
    BurnRate(
        factor=14.4,
        long_seconds=HOUR_SECONDS,
        short_seconds=5 * MINUTE_SECONDS,
        pending_seconds=MINUTE_SECONDS,
        severity="page",
    ),
    BurnRate(
        factor=6,
        long_seconds=6 * HOUR_SECONDS,
        short_seconds=30 * MINUTE_SECONDS,
        pending_seconds=5 * MINUTE_SECONDS,
        severity="page",
    ),
    BurnRate(
        factor=3,
        long_seconds=DAY_SECONDS,
        short_seconds=2 * HOUR_SECONDS,
        pending_seconds=30 * MINUTE_SECONDS,
        severity="ticket",
    ),
    BurnRate(
        factor=1,
        long_seconds=3 * DAY_SECONDS,
        short_seconds=6 * HOUR_SECONDS,
        pending_seconds=HOUR_SECONDS,
        severity="ticket",
    ),
)
WINDOWS_SECONDS = sorted(
    {BASE_WINDOW_SECONDS, PERIOD_SECONDS}.union(*((rate.long_seconds, rate.short_seconds) for rate in BURN_RATES))
)
