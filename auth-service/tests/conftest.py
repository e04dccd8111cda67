"""Fixtures of auth-service: applications on a real database, a client, and accounts made through the API."""

import asyncio
import contextlib
import io
import itertools
import json
import logging
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any
from uuid import uuid4

import asyncpg
import httpx
import pytest
from fastapi import FastAPI
from passlib.context import CryptContext
from sqlalchemy import text
from sqlalchemy.engine import make_url

from auth_service.api.client_dependencies import get_client_service
from auth_service.api.dependencies import get_audit_trail
from auth_service.api.resources import Resources, new_key_rotation
from auth_service.core.config import Settings
from auth_service.core.security import PASSWORD_CONTEXT, PasswordHashing, create_access_token, new_client_secret
from auth_service.main import create_app
from auth_service.schemas.clients import ClientCreate
from auth_service.schemas.devices import COMMAND_LINE, THIS_SERVICE
from auth_service.schemas.tokens import TokenPair
from auth_service.schemas.users import UserWithToken
from service_chassis.logs import configure_logging
from service_chassis.testing.clients import running_client, settings_of, share_routes
from service_chassis.testing.databases import EmptyableDatabase
from service_chassis.testing.door import Door
from service_chassis.testing.fixtures import NewDatabase
from service_chassis.testing.issuer import ISSUER, SERVICE_AUDIENCE
from service_chassis.testing.kept_connections import KeptConnections
from service_chassis.testing.mailbox import Mailbox, open_mailbox
from service_chassis.testing.shared_statements import share_statements

CHEAP_PASSWORD_CONTEXT = PASSWORD_CONTEXT.copy(argon2__memory_cost=8, argon2__time_cost=2)
WAITS_FOR_A_LOCK = """
SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'
"""
_ANSWERS: list[tuple[str, re.Pattern[str], dict[str, Any]]] = []
_SIGNING_KEY: list[str] = []


@pytest.fixture(scope="session")
def database(new_database: NewDatabase) -> EmptyableDatabase:
    return new_database("auth_service")


@pytest.fixture
def unmigrated_database(database: EmptyableDatabase, kept_connections: KeptConnections) -> EmptyableDatabase:
    """Give a database of its own, without any table."""
    url = make_url(database.url.get_secret_value())
    url = url.set(database=f"{url.database}_unmigrated")
    unmigrated = EmptyableDatabase(url, package="auth_service", connections=kept_connections)
    unmigrated.create()
    return unmigrated


@pytest.fixture
def password_context() -> CryptContext:
    """Say how passwords are hashed: cheaply, since most tests are about something else; the others replace this."""
    return CHEAP_PASSWORD_CONTEXT


@pytest.fixture
async def new_app(
    database: EmptyableDatabase, password_context: CryptContext, kept_connections: KeptConnections
) -> AsyncIterator[Callable[..., FastAPI]]:
    """Build applications on one database, as replicas are; its rows are gone after the test."""

    def build(*, closes_connections: bool = False, **settings: Any) -> FastAPI:  # each setting has a type of its own
        values: dict[str, Any] = {"environment": "local", "database_url": database.url} | settings
        app = share_routes(create_app(settings_of(Settings, **values)))
        share_statements(app.state.resources.database.engine)
        resources = app.state.resources
        if values["database_url"] == database.url and not closes_connections:
            kept_connections.share(resources.database.engine, resources.statement_pool)
        resources.password_hashing = PasswordHashing(context=password_context)
        return app

    yield build
    await database.empty()


@pytest.fixture
async def app(new_app: Callable[..., FastAPI], database: EmptyableDatabase) -> FastAPI:
    """Build an application that finds a signing key, as all but the first do: to make one takes six statements."""
    app = new_app()
    if not _SIGNING_KEY:
        _SIGNING_KEY.append(await new_signing_key(app.state.resources, database))
    insert = "INSERT INTO signing_keys SELECT * FROM jsonb_populate_record(NULL::signing_keys, $1::text::jsonb)"
    await database.execute(insert, _SIGNING_KEY[0])
    return app


async def new_signing_key(resources: Resources, database: EmptyableDatabase) -> str:
    async with resources.database.session() as session:
        await new_key_rotation(session, settings=resources.settings, device=THIS_SERVICE).provide()
        key = await session.scalar(text("SELECT to_jsonb(signing_keys)::text FROM signing_keys"))
    await database.empty()
    return str(key)


@pytest.fixture
async def client(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    async with running_client(app) as client:
        client.event_hooks = {"response": [only_documented_answers(app)]}
        yield client


@pytest.fixture
async def stored(database: EmptyableDatabase) -> AsyncIterator[asyncpg.Connection]:
    """Look into the database past the service."""
    connection = await database.connect()
    yield connection
    await connection.close()


@pytest.fixture
async def door(database: EmptyableDatabase) -> AsyncIterator[Door]:
    """Give a way to the database that can be held, shut and cut."""
    door = Door(database.url)
    await door.open()
    yield door
    await door.shut()


@pytest.fixture
async def mailbox() -> AsyncIterator[Mailbox]:
    async with open_mailbox() as mailbox:
        yield mailbox


@pytest.fixture
async def mailing_client(new_app: Callable[..., FastAPI], mailbox: Mailbox) -> AsyncIterator[httpx.AsyncClient]:
    """Give a client of an application in which people verify their address."""
    app = new_app(email_verification_required=True, smtp_url=mailbox.url, app_url="https://app.example.com")
    async with running_client(app) as client:
        client.event_hooks = {"response": [only_documented_answers(app)]}
        yield client


@pytest.fixture
def new_user(client: httpx.AsyncClient) -> Callable[..., Awaitable[UserWithToken]]:
    """Register somebody; the answer is the account and its first tokens."""
    numbers = itertools.count(1)

    async def register(email: str | None = None, password: str = "correct horse battery staple") -> UserWithToken:
        body = {"email": email or f"user{next(numbers)}@example.com", "password": password}
        response = await client.post("/api/v1/auth/register", json=body)
        assert response.status_code == 201, response.text
        return UserWithToken.model_validate_json(response.content)

    return register


@pytest.fixture
def logged(app: FastAPI) -> Callable[[], list[dict[str, Any]]]:
    """Return the lines that were written since it was asked last."""
    output = io.StringIO()
    with contextlib.redirect_stdout(output):
        configure_logging(app.state.resources.settings.model_copy(update={"log_format": "json"}))

    def lines() -> list[dict[str, Any]]:
        for handler in logging.root.handlers:
            handler.flush()
        written = [json.loads(line) for line in output.getvalue().splitlines()]
        output.seek(0)
        output.truncate()
        return written

    return lines


@pytest.fixture
def until_somebody_waits(stored: asyncpg.Connection) -> Callable[[], Awaitable[None]]:
    """Wait until a statement waits for a lock that another one holds."""

    async def wait() -> None:
        async with asyncio.timeout(0.8):
            while not await stored.fetchval(WAITS_FOR_A_LOCK):  # noqa: ASYNC110  # PostgreSQL does not tell
                await asyncio.sleep(0.005)

    return wait


@pytest.fixture
def new_machine_client(app: FastAPI) -> Callable[..., Awaitable[str]]:
    """Make a machine client as the command line does; the answer is its secret."""

    async def create(name: str = "items-service", *, secret: str | None = None, scope: str = "events:read") -> str:
        secret = secret or new_client_secret()
        new_client = ClientCreate.model_validate({"name": name, "scopes": scope.split(), "secret": secret})
        async with app.state.resources.database.session() as session:
            service = await get_client_service(session, await get_audit_trail(session, COMMAND_LINE))
            await service.create(new_client)
        return secret

    return create


@pytest.fixture
def new_superuser(
    client: httpx.AsyncClient, new_user: Callable[..., Awaitable[UserWithToken]], stored: asyncpg.Connection
) -> Callable[..., Awaitable[UserWithToken]]:
    """Register somebody who is made a superuser past the service; the tokens are from after that."""

    async def make(email: str = "root@example.com") -> UserWithToken:
        user = await new_user(email)
        await stored.execute("UPDATE users SET is_superuser = true WHERE id = $1", user.id)
        body = {"refresh_token": user.token.refresh_token}
        pair = TokenPair.model_validate_json((await client.post("/api/v1/auth/refresh", json=body)).content)
        return user.model_copy(update={"token": pair, "is_superuser": True})

    return make


@pytest.fixture(scope="session")
def service_token() -> Callable[..., Awaitable[str]]:
    """Sign tokens of a machine client with an application's own key; claims can be replaced."""

    async def sign(app: FastAPI, **claims: Any) -> str:  # any JSON value
        now = int(time.time())
        valid = {
            "iss": ISSUER,
            "aud": SERVICE_AUDIENCE,
            "sub": "client:follower",
            "client_id": "follower",
            "iat": now,
            "exp": now + 300,
            "jti": str(uuid4()),
            "scope": "events:read",
        }
        return create_access_token(valid | claims, key=await app.state.resources.signing_keys.signing_key())

    return sign


def only_documented_answers(app: FastAPI) -> Callable[[httpx.Response], Awaitable[None]]:
    """Hold every answer of every test to the OpenAPI document."""

    async def check(response: httpx.Response) -> None:
        for method, path, answers in documented_answers(app):
            if method == response.request.method and path.fullmatch(response.request.url.path):
                assert_documented(response, answers)

    return check


def documented_answers(app: FastAPI) -> list[tuple[str, re.Pattern[str], dict[str, Any]]]:
    # The document is the same for all of these applications, and takes longer to make than most tests.
    if not _ANSWERS:
        for template, operations in app.openapi()["paths"].items():
            path = re.compile(re.sub(r"{\w+}", "[^/]+", template))
            _ANSWERS.extend((method.upper(), path, each["responses"]) for method, each in operations.items())
    return _ANSWERS


def assert_documented(response: httpx.Response, documented: dict[str, Any]) -> None:
    assert str(response.status_code) in documented, f"{response.request.url.path} answers {response.status_code}"
    media_type = response.headers.get("Content-Type", "").partition(";")[0]
    assert media_type in documented[str(response.status_code)].get("content", {"": {}})
