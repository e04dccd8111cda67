"""Clients of applications that run inside the test."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
from fastapi import FastAPI
from starlette.routing import BaseRoute

BASE_URL = "http://testserver"
_ROUTES: dict[tuple[str, str, str | None], list[BaseRoute]] = {}


def share_routes(app: FastAPI) -> FastAPI:
    """Give an application the routes of the first one like it, since no other setting says which routes there are.

    FastAPI works a route out when it is asked for the first time, which takes longer than most tests.
    """
    first = _ROUTES.setdefault((app.title, app.version, app.openapi_url), [*app.router.routes])
    app.router.routes[:] = first
    return app


@asynccontextmanager
async def running_client(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    """Start the application, give a client of it, and shut the application down."""
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=BASE_URL) as client,
    ):
        yield client
