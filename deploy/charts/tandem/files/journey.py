"""What `helm test` runs inside the cluster: people's journeys through both services, ended by the first that fails."""

import argparse
import secrets
from dataclasses import dataclass
from pathlib import Path

import httpx

API = "/api/v1"


class JourneyError(Exception):
    """An answer was not the one that a client counts on."""


class Client:
    """Somebody who talks to both services."""

    def __init__(self, *, auth: httpx.Client, items: httpx.Client) -> None:
        self.auth = auth
        self.items = items
        self.headers: dict[str, str] = {}

    def log_in(self, email: str, password: str) -> None:
        """Keep the token for what follows."""
        answer = self.auth.post(f"{API}/auth/login", data={"username": email, "password": password})
        self.headers = {"Authorization": f"Bearer {expect(answer, 200)['access_token']}"}


@dataclass(frozen=True)
class Superuser:
    """Somebody who can log in where registering does not, with a password that lies in a file."""

    email: str
    password_file: Path

    def read_password(self) -> str:
        """Return what is in the file."""
        return self.password_file.read_text(encoding="utf-8").rstrip("\n")


def main() -> None:
    """Walk every journey."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("auth_url")
    parser.add_argument("items_url")
    parser.add_argument("--superuser", nargs=2, metavar=("EMAIL", "PASSWORD_FILE"))
    given = parser.parse_args()
    superuser = Superuser(given.superuser[0], Path(given.superuser[1])) if given.superuser else None
    with (
        httpx.Client(base_url=given.auth_url, timeout=10) as auth,
        httpx.Client(base_url=given.items_url, timeout=10) as items,
    ):
        a_stranger_is_refused(Client(auth=auth, items=items))
        walked = somebody_works_with_items(Client(auth=auth, items=items), superuser)
    end = (
        "Every journey came to its end." if walked else "Strangers are refused; nobody is known here who could log in."
    )
    print(end)  # noqa: T201  # what `helm test --logs` shows


def a_stranger_is_refused(client: Client) -> None:
    """Without a token there is nothing to see, and a wrong one is as good as none."""
    expect(client.items.get(f"{API}/items"), 401, code="missing_token")
    expect(client.auth.get(f"{API}/users/me"), 401, code="missing_token")
    expect(client.items.get(f"{API}/items", headers={"Authorization": "Bearer not.a.token"}), 401)
    nobody = {"username": f"{secrets.token_hex(8)}@example.com", "password": secrets.token_hex(16)}
    expect(client.auth.post(f"{API}/auth/login", data=nobody), 401)


def somebody_works_with_items(client: Client, superuser: Superuser | None) -> bool:
    """Register where that logs in, else be the superuser; then create, read and delete an item. Tell if one could."""
    person = {"email": f"journey-{secrets.token_hex(8)}@example.com", "password": secrets.token_urlsafe(16)}
    registered = client.auth.post(f"{API}/auth/register", json=person)
    if registered.status_code == httpx.codes.CREATED:
        client.log_in(person["email"], person["password"])
        create_read_and_delete_an_item(client)
        expect(client.auth.delete(f"{API}/users/me", headers=client.headers), 204)
    elif superuser is not None:
        client.log_in(superuser.email, superuser.read_password())
        create_read_and_delete_an_item(client)
    return registered.status_code == httpx.codes.CREATED or superuser is not None


def create_read_and_delete_an_item(client: Client) -> None:
    """Whoever is logged in can do this, and gets back what was given."""
    created = expect(client.items.post(f"{API}/items", json={"title": "Journey"}, headers=client.headers), 201)
    url = f"{API}/items/{created['id']}"
    if expect(client.items.get(url, headers=client.headers), 200)["title"] != "Journey":
        raise JourneyError(f"{url} is another item than was created")
    expect(client.items.get(url), 401, code="missing_token")
    expect(client.items.delete(url, headers=client.headers), 204)
    expect(client.items.get(url, headers=client.headers), 404)


def expect(answer: httpx.Response, status_code: int, *, code: str | None = None) -> dict[str, str]:
    """Return the body of an answer that has this status, and this code if one is given.

    Raises:
        JourneyError: it has another.
    """
    body: dict[str, str] = answer.json() if answer.content else {}
    if answer.status_code != status_code or (code is not None and body.get("code") != code):
        found = f"{answer.request.method} {answer.request.url}: {answer.status_code} {body.get('code', '')}"
        raise JourneyError(f"{found}, not {status_code} {code or ''}")
    return body


if __name__ == "__main__":
    main()
