"""Waits until a service answers."""

import asyncio
import time
from collections.abc import Callable

import httpx

from local_stack.child import Child
from local_stack.errors import LocalStackError

TIMEOUT_SECONDS = 30.0
# What Traefik itself answers while it has not read its routes or can't reach the service.
GATEWAY_FAILURES = {404, 502, 503, 504}


def is_success(status_code: int) -> bool:
    """Accept what a healthy endpoint answers."""
    return status_code == httpx.codes.OK


def comes_from_the_service(status_code: int) -> bool:
    """Accept any answer that the gateway did not make itself, such as a 401."""
    return status_code not in GATEWAY_FAILURES


async def wait_until_ready(url: str, *, child: Child, accept: Callable[[int], bool] = is_success) -> None:
    """Return when that URL answers with an accepted status.

    Raises:
        LocalStackError: when the process has ended, or 30 s have passed.
    """
    deadline = time.monotonic() + TIMEOUT_SECONDS
    # trust_env: a proxy in the environment is for the internet, not for this machine.
    async with httpx.AsyncClient(trust_env=False, timeout=5) as client:
        while answer := await _objection(client, url, accept=accept):
            if child.exit_code is not None:
                raise LocalStackError(f"{child.name} has stopped while starting; its last line: {child.last_line}")
            if time.monotonic() > deadline:
                raise LocalStackError(f"{child.name} is not ready after {TIMEOUT_SECONDS:.0f} s; {url} says: {answer}")
            await asyncio.sleep(0.05)


async def _objection(client: httpx.AsyncClient, url: str, *, accept: Callable[[int], bool]) -> str:
    """Return what speaks against being ready, or nothing."""
    try:
        response = await client.get(url)
    except httpx.TransportError as error:
        return str(error) or type(error).__name__
    return "" if accept(response.status_code) else f"{response.status_code} {response.text}"
