"""Secrets sent to every endpoint are in no log line, span or metric, although the services log all they can."""

import re
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest

from local_stack.running_pair import RunningPair
from service_chassis.certificates import trusted_certificates
from service_chassis.testing.collector import Collector
from service_chassis.testing.mailbox import ThreadedMailbox

API = "/api/v1"
PATIENCE_SECONDS = 20
TRACE_ID = secrets.token_hex(16)
RECORDED = {"traceparent": f"00-{TRACE_ID}-{secrets.token_hex(8)}-01"}
# After these the token of the account that calls all others is good for nothing; `use_the_account` calls them.
LAST = {("DELETE", f"{API}/users/me"), ("DELETE", f"{API}/auth/sessions"), ("PUT", f"{API}/users/me/password")}
UNDOCUMENTED = [("GET", "/internal/events"), ("GET", "/nowhere"), ("TRACE", "/nowhere")]
FIELDS = [
    *("access_token", "client_id", "client_secret", "current_password", "email", "full_name", "grant_type"),
    *("new_password", "password", "refresh_token", "scope", "title", "token", "username", "description"),
]


def secret(kind: str) -> str:
    return f"canary-{kind}-{secrets.token_hex(8)}"


class Account:
    """Somebody with secrets, the ones that the services gave out included."""

    def __init__(self, client: httpx.Client, mailbox: ThreadedMailbox) -> None:
        self._client = client
        self._mailbox = mailbox
        self.email = f"{secret('email')}@example.com"
        self.password, self.new_password = secret("password"), secret("new-password")
        self.secrets = [self.email, self.password, self.new_password]
        self.tokens = self._post("register", {"email": self.email, "password": self.password})["token"]

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.tokens['access_token']}"}

    def use(self) -> None:
        """Do all that an account can, each step with the secret that it takes."""
        self._client.post(f"{API}/auth/login", data={"username": self.email, "password": secret("wrong")})
        self.tokens = self._post("refresh", {"refresh_token": self.tokens["refresh_token"]})
        self._post("email-verification", {"email": self.email})
        self._post("email-verification/confirm", {"token": self._token_from_mail("verify-email")})
        self._post("password-reset", {"email": self.email})
        reset = {"token": self._token_from_mail("reset-password"), "new_password": self.new_password}
        self._post("password-reset/confirm", reset)
        self._log_in(self.new_password)
        change = {"current_password": self.new_password, "new_password": self.password}
        self._client.put(f"{API}/users/me/password", json=change, headers=self.headers).raise_for_status()
        self._log_in(self.password)
        self._post("logout", {"refresh_token": self.tokens["refresh_token"]})
        self._log_in(self.password)
        self._client.delete(f"{API}/auth/sessions", headers=self.headers).raise_for_status()
        self._log_in(self.password)
        self._client.delete(f"{API}/users/me", headers=self.headers).raise_for_status()

    def _log_in(self, password: str) -> None:
        form = {"username": self.email, "password": password}
        self.tokens = self._remember(self._client.post(f"{API}/auth/login", data=form))

    def _post(self, path: str, body: dict[str, str]) -> dict[str, Any]:
        return self._remember(self._client.post(f"{API}/auth/{path}", json=body))

    def _remember(self, answer: httpx.Response) -> dict[str, Any]:
        answer.raise_for_status()
        self.secrets += re.findall(r'"(?:access|refresh)_token":"([^"]+)"', answer.text)
        return dict(answer.json()) if answer.content else {}

    def _token_from_mail(self, page: str) -> str:
        while True:
            mail = self._mailbox.receive()
            found = re.search(rf"{page}#token=(\S+)", mail.get_content())
            if mail["To"] == self.email and found:
                self.secrets.append(found[1])
                return found[1]


@contextmanager
def clients_of(pair: RunningPair) -> Iterator[list[httpx.Client]]:
    """Give clients of the gateway and of each service behind it, whose requests are all recorded in one trace."""
    urls = (pair.base_url, pair.auth_url, pair.items_url)
    clients = [
        httpx.Client(base_url=url, timeout=20, headers=RECORDED, verify=trusted_certificates(url)) for url in urls
    ]
    yield clients
    for client in clients:
        client.close()


def endpoints_of(client: httpx.Client, name: str) -> Iterator[tuple[str, str]]:
    for path, operations in client.get(f"{API}/{name}/openapi.json").json()["paths"].items():
        yield from ((method.upper(), path) for method in operations)


def send_everywhere_in(client: httpx.Client, endpoint: tuple[str, str], *, headers: dict[str, str]) -> list[str]:
    """Send secrets in the path, the query, the headers and the body of a request, and return them."""
    method, path = endpoint
    sent = {name: secret(name) for name in FIELDS}
    junk = secret("junk")
    options: dict[str, Any] = {
        "url": re.sub(r"\{\w+\}", junk, path),
        "params": dict.fromkeys(("q", "cursor", "after", "token", "sort", "state"), junk),
        "headers": {"Authorization": f"Bearer {junk}", "Cookie": junk, "If-Match": junk, "Idempotency-Key": junk}
        | {"User-Agent": junk, "Referer": junk, "If-None-Match": junk, "baggage": f"token={junk}"}
        | headers,
    }
    client.request(method, **options, json=sent)
    client.request(method, **options, data=sent, auth=None if headers else (sent["client_id"], sent["client_secret"]))
    return [junk, *sent.values()]


def send_to_every_endpoint(pair: RunningPair, account: Account) -> list[str]:
    sent: list[str] = []
    with clients_of(pair) as (_, *services):
        for client, name in zip(services, ("auth", "items"), strict=True):
            endpoints = [*endpoints_of(client, name), *UNDOCUMENTED]
            assert len(endpoints) > 8
            for endpoint in endpoints:
                sent += send_everywhere_in(client, endpoint, headers={})
                if endpoint not in LAST:
                    sent += send_everywhere_in(client, endpoint, headers=account.headers)
    return sent


def use_the_machine_client(pair: RunningPair) -> list[str]:
    """Log in as items-service does, and read the feed with that token."""
    with clients_of(pair) as (_, auth, _items):
        grant = {"grant_type": "client_credentials", "scope": "events:read"}
        credentials = ("items-service", pair.feed_client_secret)
        token: str = auth.post(f"{API}/auth/token", data=grant, auth=credentials).json()["access_token"]
        auth.get("/internal/events", headers={"Authorization": f"Bearer {token}"}).raise_for_status()
    return [pair.feed_client_secret, token]


def all_that_is_told(pair: RunningPair, collector: Collector) -> dict[str, str]:
    """Return the log, the spans and the metrics, once what was asked last is in them."""
    with clients_of(pair) as (_, *services):
        for client in services:
            client.get("/the-end", headers={"X-Request-ID": "the-end-of-secrets"})
    collector.trace(TRACE_ID, "send mail", "send mail", "GET /internal/events")
    log = pair.state_directory / "pair.log"
    deadline = time.monotonic() + PATIENCE_SECONDS
    while log.read_text(encoding="utf-8").count("the-end-of-secrets") < 2:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return {
        "log": log.read_text(encoding="utf-8"),
        "spans": "".join(span.everything + str(span.resource) for span in collector.spans),
        "metrics": "".join(httpx.get(url).text for url in (pair.auth_metrics_url, pair.items_metrics_url)),
    }


@pytest.fixture(scope="module")
def account(pair: RunningPair, mailbox: ThreadedMailbox) -> Iterator[Account]:
    with clients_of(pair) as (gateway, *_):
        yield Account(gateway, mailbox)


def test_no_secret_is_in_a_log_line_a_span_or_a_metric(
    pair: RunningPair, account: Account, collector: Collector
) -> None:
    sent = send_to_every_endpoint(pair, account)
    sent += use_the_machine_client(pair)
    account.use()

    told = all_that_is_told(pair, collector)

    assert '"level": "debug"' in told["log"]
    assert "SELECT" in told["log"]
    assert "db.query.text" in told["spans"]
    assert "tandem_logins_total" in told["metrics"]
    sent += [*account.secrets, pair.superuser_password]
    assert [(where, value) for where, text in told.items() for value in sent if value in text] == []
