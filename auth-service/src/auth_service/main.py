"""Assembles the application; nothing happens at import."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from auth_service.api import discovery, events, jwks
from auth_service.api.oauth2 import install_oauth2_errors
from auth_service.api.resources import Resources
from auth_service.api.v1.hot_endpoints import HotTokens
from auth_service.api.v1.router import router
from auth_service.core.config import Settings
from auth_service.core.database import SCHEMA_REVISION
from service_chassis.application import new_application
from service_chassis.dependencies import install_dependencies
from service_chassis.documentation import install_documentation
from service_chassis.ending import when_asked_to_end
from service_chassis.health import Readiness, install_health
from service_chassis.hot_endpoints import install_hot_endpoints
from service_chassis.logs import configure_logging
from service_chassis.settings import load_settings


def create_app(settings: Settings | None = None) -> FastAPI:
    """Return the application as it is served; settings are read from the surroundings unless given."""
    settings = settings or load_settings(Settings)
    configure_logging(settings)

    app = new_application(settings, openapi_path="/auth/openapi.json", lifespan=_lifespan)
    app.state.resources = resources = Resources(settings)

    install_oauth2_errors(app)
    install_dependencies(
        app,
        database=resources.database,
        authenticator=resources.authenticator,
        service_authenticator=resources.service_authenticator,
    )
    install_hot_endpoints(
        app,
        HotTokens(resources).at(settings.api_v1_str),
        authenticator=resources.authenticator,
        settings=settings,
    )
    install_health(app, Readiness(database=resources.database, schema_revision=SCHEMA_REVISION))
    install_documentation(app, documents=_documents(settings))
    app.include_router(jwks.router)
    app.include_router(discovery.router)
    app.include_router(events.router)
    app.include_router(router, prefix=settings.api_v1_str)
    when_asked_to_end(app, resources.event_feed.answer_who_waits)
    return app


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    await app.state.resources.start()
    yield
    await app.state.resources.close()


def _documents(settings: Settings) -> dict[str, str]:
    """The docs page stands at one place of the common base URL and shows both APIs."""
    return {
        "auth-service": f"{settings.api_v1_str}/auth/openapi.json",
        "items-service": f"{settings.api_v1_str}/items/openapi.json",
    }
