"""What a login can't do without: one argon2 verification, with the services' parameters, on every core."""

import asyncio
import os
from concurrent.futures import ThreadPoolExecutor

from starlette.types import ASGIApp, Receive, Scope

from auth_service.core.security import get_password_hash, verify_password
from loadtests.bench.databases import PASSWORD
from loadtests.bench.stacks.serving import Surroundings, answering, serve


def new_app(_surroundings: Surroundings) -> ASGIApp:
    """Return a callable that verifies the same password for everybody."""
    hashed_password = get_password_hash(PASSWORD)
    threads = ThreadPoolExecutor(os.cpu_count())

    async def answer(_scope: Scope, _receive: Receive) -> tuple[int, bytes]:
        loop = asyncio.get_running_loop()
        matches = await loop.run_in_executor(threads, verify_password, PASSWORD, hashed_password)
        return (200, b"{}") if matches else (401, b"{}")

    return answering(answer)


if __name__ == "__main__":
    serve(new_app)
