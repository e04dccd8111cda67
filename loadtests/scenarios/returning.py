"""Somebody who comes back to look things up."""

import random
from http import HTTPStatus

from locust import between, task

from loadtests.scenarios.journey import ITEM, ITEMS, JourneyUser

ITEMS_AT_HOME = 45
PAGE_SIZE = 20
WORDS = ("tandem", "bicycle", "wheel", "saddle", "bell")


class ReturningUser(JourneyUser):
    """Logs in, browses page after page, searches, and reads items, some of which are in the cache already."""

    weight = 6
    wait_time = between(0.5, 2.0)

    def on_start(self) -> None:
        """Own some items, and come back."""
        self.known: dict[str, str] = {}
        if self.register() is not None:
            titles = [f"{random.choice(WORDS)} {number}" for number in range(ITEMS_AT_HOME)]
            batch = {"items": [{"title": title} for title in titles]}
            self.ask("POST", f"{ITEMS}/batch", expect=HTTPStatus.CREATED, json=batch)
            self.log_in()

    @task(5)
    def browse(self) -> None:
        """Read pages until the last one."""
        self.stay_logged_in()
        cursor: str | None = ""
        while cursor is not None:
            query = f"?limit={PAGE_SIZE}{cursor and f'&cursor={cursor}'}"
            page = self.ask("GET", ITEMS, query=query, check=lambda body: 0 < len(body["items"]) <= PAGE_SIZE)
            if page.status != HTTPStatus.OK:
                return
            self.known |= {item["id"]: f'"{item["version"]}"' for item in page.body["items"]}
            cursor = page.body["next_cursor"]

    @task(3)
    def search(self) -> None:
        """Find items by a word."""
        word = random.choice(WORDS)
        found = f"?q={word[:4]}&limit=10"
        self.ask("GET", ITEMS, query=found, check=lambda body: all(word in item["title"] for item in body["items"]))

    @task(8)
    def read(self) -> None:
        """Read an item."""
        if self.known:
            item_id = random.choice(list(self.known))
            self.ask("GET", ITEM, path_values={"item_id": item_id}, check=lambda body: body["id"] == item_id)

    @task(4)
    def read_again(self) -> None:
        """Read an item that is in the cache, and get nothing but the word that it has not changed."""
        if self.known:
            item_id, etag = random.choice(list(self.known.items()))
            self.ask(
                "GET",
                ITEM,
                expect=HTTPStatus.NOT_MODIFIED,
                path_values={"item_id": item_id},
                headers={"If-None-Match": etag},
                check=lambda body: body is None,
            )
