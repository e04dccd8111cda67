"""A client's first conversation with the pair, which shows that all of it works together."""

import asyncio
import time
from collections.abc import Sequence

import httpx

from local_stack.errors import LocalStackError

# items-service tries to get the keys every two seconds while it has none, because auth-service started later.
KEYS_TIMEOUT_SECONDS = 10.0


async def talk_as_a_client(base_url: str, *, email: str, password: str, new_items: Sequence[tuple[str, str]]) -> bool:
    """Log in, list items, create new ones, log out; False when the password is not theirs.

    Raises:
        LocalStackError: when anything else goes wrong.
    """
    # trust_env: a proxy in the environment is for the internet, not for this machine.
    async with httpx.AsyncClient(base_url=f"{base_url}/api/v1", trust_env=False, timeout=10) as client:
        login = await client.post("/auth/login", data={"username": email, "password": password})
        if login.is_client_error:
            return False
        tokens = _expect_success(login).json()
        client.headers["Authorization"] = f"Bearer {tokens['access_token']}"
        _expect_success(await _list_items(client))
        for title, description in new_items:
            _expect_success(await client.post("/items", json={"title": title, "description": description}))
        _expect_success(await client.post("/auth/logout", json={"refresh_token": tokens["refresh_token"]}))
    return True


async def _list_items(client: httpx.AsyncClient) -> httpx.Response:
    deadline = time.monotonic() + KEYS_TIMEOUT_SECONDS
    response = await client.get("/items")
    while response.status_code == httpx.codes.SERVICE_UNAVAILABLE and time.monotonic() < deadline:
        await asyncio.sleep(0.1)
        response = await client.get("/items")
    return response


def _expect_success(response: httpx.Response) -> httpx.Response:
    if not response.is_success:
        raise LocalStackError(f"The pair is up but does not work: {response.url} answered {response.status_code}.")
    return response
