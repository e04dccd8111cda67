"""Clients of applications that run inside the test, and what these applications share to start sooner."""

import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import httpx
from fastapi import FastAPI
from starlette.routing import BaseRoute

from service_chassis.settings import ServiceSettings

BASE_URL = "http://testserver"
_ROUTES: dict[tuple[str, str, str | None], list[BaseRoute]] = {}
_SETTINGS: dict[tuple[object, ...], Any] = {}

Settings = TypeVar("Settings", bound=ServiceSettings)


def settings_of(settings: Callable[..., Settings], **values: Any) -> Settings:  # each setting has a type of its own
    """Read settings once for each environment: looking for all of them takes longer than many a test."""
    environment = frozenset(os.environ.items() - {("PYTEST_CURRENT_TEST", os.environ.get("PYTEST_CURRENT_TEST"))})
    key = (settings, environment, *values.items())
    if key not in _SETTINGS:
        _SETTINGS[key] = settings(**values)
    read: Settings = _SETTINGS[key]
    return read


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


def text_but_ids(response: httpx.Response) -> str:
    """Return an answer's text without the ids of its request, which hold any few digits now and then."""
    problem = response.json()
    return response.text.replace(problem["request_id"], "").replace(problem["trace_id"], "")
