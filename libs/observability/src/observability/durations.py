"""Durations as Prometheus writes them, and the same rules on a faster clock."""

import re

UNITS_SECONDS = {"d": 86400, "h": 3600, "m": 60, "s": 1}
DURATION = re.compile(r"(\d+)([smhd])")
# A window or a step inside of brackets, or the value of one of these keys of a rule file.
DURATIONS_IN_RULES = re.compile(r"(?<=\[)[\dsmhd:]+(?=\])|(?<=\bfor: )\w+|(?<=\binterval: )\w+")


def prometheus_duration(seconds: int) -> str:
    """Write a duration in its largest whole unit, such as 6h."""
    unit, size = next((unit, size) for unit, size in UNITS_SECONDS.items() if seconds % size == 0)
    return f"{seconds // size}{unit}"


def on_a_faster_clock(rules: str, *, times: int) -> str:
    """Return a rule file whose windows, steps and waits are that many times shorter, down to a second."""

    def shorten(duration: re.Match[str]) -> str:
        seconds = int(duration[1]) * UNITS_SECONDS[duration[2]]
        return prometheus_duration(max(seconds // times, 1))

    return DURATIONS_IN_RULES.sub(lambda found: DURATION.sub(shorten, found[0]), rules)
