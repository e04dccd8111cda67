"""What every journey stands on: an account, requests whose answers are checked, and a mark that says who asks."""

import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from locust import FastHttpUser

API = "/api/v1"
ITEMS = f"{API}/items"
ITEM = f"{ITEMS}/{{item_id}}"
# A token is renewed this long before it expires, as good clients do.
RENEWAL_SECONDS = 60

Body = Any
Check = Callable[[Body], bool]


@dataclass
class Account:
    """An account of this run, and the tokens of its session."""

    email: str
    password: str
    access_token: str = ""
    refresh_token: str = ""
    expires_at: float = 0.0

    def take(self, tokens: Mapping[str, Any]) -> None:
        """Use a new pair of tokens."""
        self.access_token = tokens["access_token"]
        self.refresh_token = tokens["refresh_token"]
        self.expires_at = time.monotonic() + tokens["expires_in"]


@dataclass(frozen=True)
class Answer:
    """What came back; `body` is None where there was none."""

    status: int
    headers: Mapping[str, str]
    body: Body


class JourneyUser(FastHttpUser):
    """A user whose requests are grouped by route and whose answers are checked for what they say."""

    abstract = True
    default_headers = {"User-Agent": "tandem-load-test", "Baggage": "synthetic=true"}  # noqa: RUF012  # as locust has it
    account: Account | None = None

    def ask(
        self,
        method: str,
        route: str,
        *,
        expect: HTTPStatus = HTTPStatus.OK,
        check: Check | None = None,
        path_values: Mapping[str, str] | None = None,
        query: str = "",
        base_url: str = "",
        **request: Any,  # whatever locust's client takes
    ) -> Answer:
        """Send one request, to the pair unless a base URL says another place; a wrong answer counts as failed."""
        headers = request.pop("headers", {})
        if self.account is not None and self.account.access_token:
            headers = {"Authorization": f"Bearer {self.account.access_token}", **headers}
        path = base_url + route.format_map(path_values or {}) + query
        with self.client.request(
            method, path, name=route, headers=headers, catch_response=True, allow_redirects=False, **request
        ) as response:
            body = response.json() if response.content else None
            if response.status_code != expect:
                response.failure(f"{response.status_code} where {expect.value} was due: {_code(body)}")
            elif check is not None and not check(body):
                response.failure("the answer says something else")
            else:
                response.success()
            return Answer(response.status_code, response.headers or {}, body)

    def register(self) -> Account | None:
        """Get an account of one's own, and a first session; None when that fails."""
        account = Account(email=f"load-{secrets.token_hex(8)}@example.com", password=secrets.token_urlsafe(18))
        answer = self.ask(
            "POST",
            f"{API}/auth/register",
            expect=HTTPStatus.CREATED,
            json={"email": account.email, "password": account.password},
            check=lambda body: body["email"] == account.email and "token" in body,
        )
        if answer.status != HTTPStatus.CREATED:
            return None
        account.take(answer.body["token"])
        self.account = account
        return account

    def log_in(self) -> None:
        """Begin a new session."""
        account = self._own_account()
        form = {"grant_type": "password", "username": account.email, "password": account.password}
        account.access_token = ""
        answer = self.ask("POST", f"{API}/auth/login", data=form, check=lambda body: body["token_type"] == "bearer")
        if answer.status == HTTPStatus.OK:
            account.take(answer.body)

    def stay_logged_in(self) -> None:
        """Exchange the tokens when the access token is about to expire."""
        account = self._own_account()
        if time.monotonic() < account.expires_at - RENEWAL_SECONDS:
            return
        answer = self.ask("POST", f"{API}/auth/refresh", json={"refresh_token": account.refresh_token})
        if answer.status == HTTPStatus.OK:
            account.take(answer.body)

    def log_out(self) -> None:
        """End the session."""
        account = self._own_account()
        body = {"refresh_token": account.refresh_token}
        self.ask("POST", f"{API}/auth/logout", expect=HTTPStatus.NO_CONTENT, json=body)

    def create_item(self, title: str, *, idempotency_key: str | None = None) -> Answer:
        """Create an item and expect it back."""
        return self.ask(
            "POST",
            ITEMS,
            expect=HTTPStatus.CREATED,
            json={"title": title, "description": "made by a load test"},
            headers={} if idempotency_key is None else {"Idempotency-Key": idempotency_key},
            check=lambda body: body["title"] == title and body["version"] == 1,
        )

    def _own_account(self) -> Account:
        if self.account is None:
            raise RuntimeError("nobody has registered yet")
        return self.account


def _code(body: Body) -> str:
    """Return what an error says of itself, in either of the two forms."""
    return str(body.get("code") or body.get("error")) if isinstance(body, dict) else "no body"
