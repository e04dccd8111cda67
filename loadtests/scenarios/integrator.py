"""A machine that works for itself."""

import os
import time
from http import HTTPStatus

from locust import between, task

from loadtests.scenarios.journey import API, ITEMS, RENEWAL_SECONDS, JourneyUser

CLIENT_ID = os.environ.get("TANDEM_CLIENT_ID", "")
CLIENT_SECRET = os.environ.get("TANDEM_CLIENT_SECRET", "")
# Where auth-service itself answers: the gateway has no route to its events.
FEED_URL = os.environ.get("TANDEM_FEED_URL", "")
EVENTS = "/internal/events"
WAIT_SECONDS = 2


class Integrator(JourneyUser):
    """Gets tokens with client credentials, follows the events with them, and is no user of anybody's items."""

    weight = 1 if CLIENT_ID else 0
    wait_time = between(1.0, 3.0)

    def on_start(self) -> None:
        """Have read nothing yet."""
        self.access_token = ""
        self.expires_at = 0.0
        self.cursor = ""

    @task
    def work(self) -> None:
        """Renew the token when it is about to expire, and read on."""
        if time.monotonic() >= self.expires_at - RENEWAL_SECONDS:
            self._get_a_token()
        if FEED_URL and self.access_token:
            self._follow_the_events()

    def _get_a_token(self) -> None:
        """Ask for a token, for the keys, and for what such a token does not open."""
        form = {"grant_type": "client_credentials", "client_id": CLIENT_ID, "client_secret": CLIENT_SECRET}
        token = self.ask("POST", f"{API}/auth/token", data=form, check=lambda body: body["token_type"] == "bearer")
        self.ask("GET", "/.well-known/jwks.json", check=lambda body: all("kid" in key for key in body["keys"]))
        if token.status == HTTPStatus.OK:
            self.access_token = token.body["access_token"]
            self.expires_at = time.monotonic() + token.body["expires_in"]
            self.ask("GET", ITEMS, expect=HTTPStatus.UNAUTHORIZED, headers=self._authorization())

    def _follow_the_events(self) -> None:
        """Read what has happened since the last time, or wait a little for the next that does."""
        after = f"&after={self.cursor}" if self.cursor else ""
        answer = self.ask(
            "GET",
            EVENTS,
            base_url=FEED_URL,
            query=f"?wait={WAIT_SECONDS}{after}",
            headers=self._authorization(),
            check=lambda body: all(event["specversion"] == "1.0" for event in body),
        )
        if answer.status == HTTPStatus.OK and answer.body:
            self.cursor = answer.body[-1]["id"]

    def _authorization(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.access_token}"}
