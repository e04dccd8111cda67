"""Somebody who tries the service out."""

from locust import between, task

from loadtests.scenarios.journey import API, ITEM, ITEMS, JourneyUser


class Newcomer(JourneyUser):
    """Registers, looks at the account, makes a first item, reads it, and logs out."""

    weight = 1
    wait_time = between(2.0, 6.0)

    @task
    def try_it_out(self) -> None:
        """Walk the whole journey once."""
        self.account = None
        account = self.register()
        if account is None:
            return
        self.ask("GET", f"{API}/users/me", check=lambda body: body["email"] == account.email)
        created = self.create_item("My first item")
        if created.body is not None and "id" in created.body:
            self.ask("GET", ITEM, path_values={"item_id": created.body["id"]}, check=lambda body: body == created.body)
        self.ask("GET", ITEMS, check=lambda body: len(body["items"]) == 1)
        self.log_out()
