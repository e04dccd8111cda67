"""A machine that works for itself."""

import os
from http import HTTPStatus

from locust import between, task

from loadtests.scenarios.journey import API, JourneyUser

CLIENT_ID = os.environ.get("TANDEM_CLIENT_ID", "")
CLIENT_SECRET = os.environ.get("TANDEM_CLIENT_SECRET", "")


class Integrator(JourneyUser):
    """Gets tokens with client credentials, looks up the keys that verify them, and is no user of anybody's items."""

    weight = 1 if CLIENT_ID else 0
    wait_time = between(1.0, 3.0)

    @task
    def get_a_token(self) -> None:
        """Ask for a token, for the keys, and for what such a token does not open."""
        form = {"grant_type": "client_credentials", "client_id": CLIENT_ID, "client_secret": CLIENT_SECRET}
        token = self.ask("POST", f"{API}/auth/token", data=form, check=lambda body: body["token_type"] == "bearer")
        self.ask("GET", "/.well-known/jwks.json", check=lambda body: all("kid" in key for key in body["keys"]))
        if token.status == HTTPStatus.OK:
            headers = {"Authorization": f"Bearer {token.body['access_token']}"}
            self.ask("GET", f"{API}/items", expect=HTTPStatus.UNAUTHORIZED, headers=headers)
