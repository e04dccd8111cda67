"""A process that is asked to end answers who waits, and ends."""

import asyncio
import contextlib
import os
import sys
from collections.abc import Awaitable, Callable

import httpx
from fastapi import FastAPI

from local_stack.ports import free_port
from service_chassis.testing.clients import running_client
from service_chassis.testing.databases import EmptyableDatabase

EVENTS = "/internal/events"


async def test_a_long_poll_is_answered_at_once_when_the_process_is_asked_to_end(
    app: FastAPI, database: EmptyableDatabase, service_token: Callable[..., Awaitable[str]]
) -> None:
    async with running_client(app):
        headers = {"Authorization": f"Bearer {await service_token(app)}"}
    port = free_port()
    environment = os.environ | {
        "ENVIRONMENT": "local",
        "AUTH_DATABASE_URL": database.url.get_secret_value(),
        "METRICS_PORT": str(free_port()),
    }
    command = [sys.executable, "-m", "auth_service", "serve", "--host", "127.0.0.1", "--port", str(port)]
    process = await asyncio.create_subprocess_exec(*command, env=environment, stdout=asyncio.subprocess.DEVNULL)
    try:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", headers=headers, timeout=40) as client:
            await until_ready(client)
            poll = asyncio.create_task(client.get(EVENTS, params={"wait": 30}))
            # The loop looks for events while somebody waits, and for nothing else.
            await asyncio.sleep(0.5)

            process.terminate()
            answer = await asyncio.wait_for(poll, 5)
            exit_code = await asyncio.wait_for(process.wait(), 5)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()

    assert (answer.status_code, answer.json()) == (200, [])
    assert exit_code == 0


async def until_ready(client: httpx.AsyncClient) -> None:
    async with asyncio.timeout(30):
        while True:
            with contextlib.suppress(httpx.TransportError):
                if (await client.get("/health/ready")).status_code == 200:
                    return
            await asyncio.sleep(0.05)
