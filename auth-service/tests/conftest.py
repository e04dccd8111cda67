"""Fixtures of auth-service: the application on a real database, and a client of it."""

from collections.abc import AsyncIterator

import httpx
import pytest
from fastapi import FastAPI

from auth_service.core.config import Settings
from auth_service.main import create_app
from service_chassis.testing.clients import running_client
from service_chassis.testing.databases import EmptyableDatabase
from service_chassis.testing.plugin import NewDatabase


@pytest.fixture(scope="session")
def database(new_database: NewDatabase) -> EmptyableDatabase:
    return new_database("auth_service")


@pytest.fixture
def settings(database: EmptyableDatabase) -> Settings:
    return Settings(environment="local", database_url=database.url)


@pytest.fixture
async def app(settings: Settings, database: EmptyableDatabase) -> AsyncIterator[FastAPI]:
    yield create_app(settings)
    await database.empty()


@pytest.fixture
async def client(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    async with running_client(app) as client:
        yield client
