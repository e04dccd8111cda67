"""Assembles the application; nothing happens at import."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from items_service.api.dependencies import Resources
from items_service.api.v1.hot_endpoints import HotItems
from items_service.api.v1.router import router
from items_service.core.config import Settings
from items_service.schemas.items import MAXIMUM_BATCH_BYTES
from service_chassis.application import new_application
from service_chassis.dependencies import install_dependencies
from service_chassis.health import install_health
from service_chassis.hot_endpoints import install_hot_endpoints
from service_chassis.logs import configure_logging
from service_chassis.settings import load_settings


def create_app(settings: Settings | None = None) -> FastAPI:
    """Return the application as it is served; settings are read from the surroundings unless given."""
    settings = settings or load_settings(Settings)
    configure_logging(settings)

    app = new_application(
        settings,
        openapi_path="/items/openapi.json",
        lifespan=_lifespan,
        larger_bodies={f"{settings.api_v1_str}/items/batch": MAXIMUM_BATCH_BYTES},
    )
    app.state.resources = resources = Resources(settings)

    install_dependencies(app, database=resources.database, authenticator=resources.authenticator)
    install_hot_endpoints(
        app,
        HotItems(resources).at(settings.api_v1_str),
        authenticator=resources.authenticator,
        settings=settings,
    )
    install_health(app, resources.readiness)
    app.include_router(router, prefix=settings.api_v1_str)
    return app


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    await app.state.resources.start()
    yield
    await app.state.resources.close()
