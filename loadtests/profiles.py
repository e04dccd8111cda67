"""How the number of users changes over time; the choice is made by name."""

from dataclasses import dataclass
from typing import NamedTuple


class Stage(NamedTuple):
    """So many users, reached by so many more each second, until so many seconds after the beginning."""

    until_seconds: float
    users: int
    users_per_second: float


@dataclass(frozen=True)
class Profile:
    """A shape of load, and what it is for."""

    purpose: str
    stages: tuple[Stage, ...]

    def stage_at(self, seconds: float) -> Stage | None:
        """Return the stage at that time, None when the run is over."""
        return next((stage for stage in self.stages if seconds < stage.until_seconds), None)


PROFILES = {
    "smoke": Profile("every journey once, to see that the load test itself works", (Stage(5, 10, 10),)),
    "steady": Profile("a usual day", (Stage(30, 40, 2), Stage(180, 40, 2))),
    "ramp": Profile(
        "more and more, to see what gives first",
        tuple(Stage(30 * step, 20 * step, 4) for step in range(1, 11)),
    ),
    "spike": Profile("a link in the news", (Stage(45, 20, 4), Stage(75, 160, 40), Stage(135, 20, 40))),
    "soak": Profile("an hour, to see what grows", (Stage(3600, 30, 2),)),
}
