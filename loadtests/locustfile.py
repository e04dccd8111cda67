"""What locust loads: the users, the profile that `TANDEM_LOAD_PROFILE` names, and the verdict."""

import os
from typing import Any

from locust import LoadTestShape, User, events
from locust.env import Environment

from loadtests.profiles import PROFILES
from loadtests.scenarios.attacker import Attacker
from loadtests.scenarios.integrator import Integrator
from loadtests.scenarios.newcomer import Newcomer
from loadtests.scenarios.returning import ReturningUser
from loadtests.scenarios.writer import Writer
from loadtests.verdict import Verdict

__all__ = ["Attacker", "Integrator", "Newcomer", "ReturningUser", "Writer"]


class ProfileShape(LoadTestShape):
    """Follows the stages of the profile."""

    profile = PROFILES[os.environ.get("TANDEM_LOAD_PROFILE", "smoke")]

    def tick(self) -> tuple[int, float, list[type[User]] | None] | None:
        """Say how many users there are to be now; None ends the run."""
        stage = self.profile.stage_at(self.get_run_time())
        return None if stage is None else (stage.users, stage.users_per_second, None)


@events.init.add_listener
def judge(environment: Environment, **_: Any) -> None:
    """Begin to count for the verdict."""
    Verdict(environment)
