"""Somebody who works with items."""

import secrets
from http import HTTPStatus

from locust import between, task

from loadtests.scenarios.journey import ITEM, JourneyUser


class Writer(JourneyUser):
    """Creates items so that a retry is safe, changes them so that nobody's change is lost, and deletes them."""

    weight = 2
    wait_time = between(0.5, 2.0)

    def on_start(self) -> None:
        """Get an account."""
        self.register()

    @task
    def work(self) -> None:
        """Create, retry, change, meet a newer version, delete."""
        self.stay_logged_in()
        key = secrets.token_hex(16)
        created = self.create_item("Draft", idempotency_key=key)
        repeated = self.create_item("Draft", idempotency_key=key)
        if created.status != HTTPStatus.CREATED or repeated.body != created.body:
            return
        item = {"item_id": created.body["id"]}
        changed = self.ask(
            "PATCH",
            ITEM,
            path_values=item,
            json={"title": "Final"},
            headers={"If-Match": '"1"'},
            check=lambda body: body["title"] == "Final" and body["version"] > 1,
        )
        self.ask(
            "PATCH",
            ITEM,
            expect=HTTPStatus.PRECONDITION_FAILED,
            path_values=item,
            json={"title": "Too late"},
            headers={"If-Match": '"1"'},
            check=lambda body: body["code"] == "stale_item",
        )
        if changed.status == HTTPStatus.OK:
            self.ask("DELETE", ITEM, expect=HTTPStatus.NO_CONTENT, path_values=item, headers={"If-Match": '"2"'})
