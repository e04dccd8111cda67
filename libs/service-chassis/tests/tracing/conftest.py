"""A collector, and applications that hand their spans over to it."""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import httpx
import pytest
from fastapi import APIRouter, FastAPI

from service_chassis.testing.clients import running_client
from service_chassis.testing.collector import Collector, collecting


@pytest.fixture(scope="session")
def _collector() -> Iterator[Collector]:
    with collecting() as collector:
        yield collector


@pytest.fixture
def collector(_collector: Collector) -> Iterator[Collector]:
    """Give the collector without what it got before."""
    _collector.forget()
    yield _collector
    _collector.may_answer.set()


@pytest.fixture
def traced_client(
    new_app: Callable[..., FastAPI], collector: Collector
) -> Callable[..., AbstractAsyncContextManager[httpx.AsyncClient]]:
    """Run an application with these routers; when the block has ended, the collector has every span."""

    @asynccontextmanager
    async def run(*routers: APIRouter, **values: Any) -> AsyncIterator[httpx.AsyncClient]:  # whatever the settings take
        settings = {"otel_exporter_otlp_endpoint": collector.http_endpoint} | values
        async with running_client(new_app(*routers, **settings)) as client:
            yield client

    return run
