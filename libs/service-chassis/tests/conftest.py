"""Builders of what most files need: settings, an application without a service, and what it logs."""

import contextlib
import io
import json
import logging
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, ClassVar

import pytest
import structlog
from fastapi import APIRouter, FastAPI
from pydantic import SecretStr
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource
from typing_extensions import override

from service_chassis.application import Application, new_application
from service_chassis.log_context import begin_log_context
from service_chassis.logs import configure_logging
from service_chassis.settings import ServiceSettings
from service_chassis.testing.fixtures import NewDatabase


class TrialSettings(ServiceSettings):
    """The settings of a service that exists in tests only."""

    service_prefix: ClassVar[str] = "TRIAL_"

    project_name: str = "trial-service"

    @classmethod
    @override
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        *_: PydanticBaseSettingsSource,
        **__: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Read nothing of a developer's surroundings."""
        return (init_settings,)


@pytest.fixture(scope="session")
def new_settings() -> Callable[..., ServiceSettings]:
    """Build settings of a developer's machine; the database is one that nobody listens for."""

    def build(**values: Any) -> ServiceSettings:  # whatever the settings take
        unless_given = {"environment": "local", "database_url": SecretStr("postgresql://nobody@127.0.0.1:1/nothing")}
        given: dict[str, Any] = unless_given | values
        return TrialSettings(**given)

    return build


@pytest.fixture(scope="session")
def new_app(new_settings: Callable[..., ServiceSettings]) -> Callable[..., Application]:
    """Build an application of the given routers."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield

    def build(
        *routers: APIRouter,
        lifespan: Callable[[FastAPI], AbstractAsyncContextManager[None]] = lifespan,
        larger_bodies: dict[str, int] | None = None,
        **values: Any,  # whatever the settings take
    ) -> Application:
        app = new_application(
            new_settings(**values),
            openapi_path="/trial/openapi.json",
            lifespan=lifespan,
            larger_bodies=larger_bodies,
        )
        for router in routers:
            app.include_router(router, prefix="/api/v1")
        return app

    return build


@pytest.fixture(autouse=True)
def _logging_as_it_was() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = [*root.handlers], root.level
    yield
    root.handlers, root.level = handlers, level
    structlog.reset_defaults()
    begin_log_context({})


@pytest.fixture
def logged(new_settings: Callable[..., ServiceSettings]) -> Callable[..., list[dict[str, Any]]]:
    """Log as in production from here on; calling the value returns the lines written since the last call."""
    output = io.StringIO()
    with contextlib.redirect_stdout(output):
        configure_logging(new_settings(log_format="json"))

    def lines() -> list[dict[str, Any]]:
        for handler in logging.root.handlers:
            handler.flush()
        written = output.getvalue().splitlines()
        output.seek(0)
        output.truncate()
        return [json.loads(line) for line in written]

    return lines


@pytest.fixture(scope="session")
def database_url(new_empty_database: NewDatabase) -> SecretStr:
    """Give the URL of a database without tables on the run's own server."""
    return new_empty_database("trial_service").url
