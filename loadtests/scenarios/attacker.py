"""Somebody who tries passwords that leaked elsewhere."""

import random
import secrets
from http import HTTPStatus

from locust import between, task

from loadtests.scenarios.journey import API, JourneyUser

LEAKED_PASSWORDS = ("password1", "qwertyuiop", "letmein123", "iloveyou2", "dragon1234")


class Attacker(JourneyUser):
    """Stuffs credentials: a new address each time, since one address would be throttled soon."""

    weight = 1
    wait_time = between(1.0, 3.0)

    @task
    def try_a_password(self) -> None:
        """Be refused, in the same words whether the account exists or not."""
        address = f"{secrets.token_hex(6)}@example.com"
        self.ask(
            "POST",
            f"{API}/auth/login",
            expect=HTTPStatus.UNAUTHORIZED,
            data={"grant_type": "password", "username": address, "password": random.choice(LEAKED_PASSWORDS)},
            check=lambda body: body["error"] == "invalid_grant",
        )
