"""What the benchmark compares does the same: equal contents, equal rows, equal tokens."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID, uuid4

import httpx
import jwt
import pytest
from loadtests.bench.databases import PASSWORD
from loadtests.bench.stacks import argon2, guide, ladder, limit, refresh
from loadtests.bench.stacks.serving import Surroundings
from pydantic import BaseModel, HttpUrl
from starlette.types import ASGIApp

import auth_service.core.config
import auth_service.main
import items_service.core.config
import items_service.main
from items_service.schemas.items import Item
from service_chassis.testing.databases import EmptyableDatabase
from service_chassis.testing.fixtures import NewDatabase
from service_chassis.testing.issuer import TokenIssuer
from service_chassis.testing.key_server import KeyServer

ITEMS = "/api/v1/items"


class ItemPage(BaseModel):
    items: list[Item]


@asynccontextmanager
async def client_of(app: ASGIApp, headers: dict[str, str] | None = None) -> AsyncIterator[httpx.AsyncClient]:
    """Start an application by the protocol alone, since not all of these are FastAPI's."""
    received: asyncio.Queue[Any] = asyncio.Queue()
    sent: asyncio.Queue[Any] = asyncio.Queue()
    running = asyncio.ensure_future(app({"type": "lifespan"}, received.get, sent.put))
    await received.put({"type": "lifespan.startup"})
    assert (await sent.get())["type"] == "lifespan.startup.complete"
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app), base_url="http://bench", headers=headers
    ) as client:
        yield client
    await received.put({"type": "lifespan.shutdown"})
    await running


@pytest.fixture
def key_server(issuer: TokenIssuer) -> Iterator[KeyServer]:
    with KeyServer(issuer.key_set()) as server:
        yield server


@pytest.fixture(scope="module")
def items_database(new_database: NewDatabase) -> EmptyableDatabase:
    return new_database("items_service")


@pytest.fixture(scope="module")
def auth_database(new_database: NewDatabase) -> EmptyableDatabase:
    return new_database("auth_service")


def surroundings_of(database: EmptyableDatabase, issuer: TokenIssuer) -> Surroundings:
    url = database.url.get_secret_value().replace("+asyncpg", "")
    return Surroundings(database_url=url, key_set=jwt.PyJWKSet.from_json(issuer.key_set().decode()))


async def test_every_server_gives_and_makes_the_same_items(
    items_database: EmptyableDatabase, issuer: TokenIssuer, key_server: KeyServer
) -> None:
    settings = items_service.core.config.Settings(
        environment="local", database_url=items_database.url, auth_service_url=HttpUrl(key_server.url)
    )
    surroundings = surroundings_of(items_database, issuer)
    apps: list[ASGIApp] = [
        limit.new_app(surroundings),
        guide.new_app(surroundings),
        items_service.main.create_app(settings),
    ]
    owner_id = uuid4()

    made = [await made_by(app, issuer, owner_id=owner_id, title=f"made by {n}") for n, app in enumerate(apps)]
    seen = [await seen_by(app, issuer, owner_id=owner_id, item_id=made[0].id) for app in apps]

    assert [(each.owner_id, each.version) for each in made] == [(owner_id, 1)] * len(apps)
    assert seen == [(made[0], made[::-1])] * len(apps)
    await items_database.empty()


async def made_by(app: ASGIApp, issuer: TokenIssuer, *, owner_id: UUID, title: str) -> Item:
    async with client_of(app, issuer.authorization(owner_id)) as client:
        response = await client.post(ITEMS, json={"title": title, "description": "the same"})
    assert response.status_code == 201
    return Item.model_validate_json(response.content)


async def seen_by(app: ASGIApp, issuer: TokenIssuer, *, owner_id: UUID, item_id: UUID) -> tuple[Item, list[Item]]:
    async with client_of(app, issuer.authorization(owner_id)) as client:
        one = await client.get(f"{ITEMS}/{item_id}")
        page = await client.get(f"{ITEMS}?limit=20")
    return Item.model_validate_json(one.content), ItemPage.model_validate_json(page.content).items


@pytest.mark.parametrize("layers", range(len(ladder.LAYERS) + 1))
async def test_every_rung_of_the_ladder_answers_the_same(
    items_database: EmptyableDatabase,
    issuer: TokenIssuer,
    key_server: KeyServer,
    monkeypatch: pytest.MonkeyPatch,
    *,
    layers: int,
) -> None:
    for owner, name, _ in itertools.chain(*ladder.LAYERS.values()):
        monkeypatch.setattr(owner, name, getattr(owner, name))
    settings = items_service.core.config.Settings(
        environment="local", database_url=items_database.url, auth_service_url=HttpUrl(key_server.url)
    )
    async with client_of(ladder.on_rung(layers, settings), issuer.authorization(uuid4())) as client:
        made = await client.post(ITEMS, json={"title": "Tandem bicycle"})

        # The first answer is the route's; what has been asked once more can be answered without a statement.
        answers = [await client.get(f"{ITEMS}/{made.json()['id']}") for _ in range(3)]

    assert [answer.content for answer in answers] == [made.content] * 3
    await items_database.empty()


async def test_both_refresh_one_session_with_the_same_kind_of_token(
    auth_database: EmptyableDatabase, issuer: TokenIssuer
) -> None:
    settings = auth_service.core.config.Settings(environment="local", database_url=auth_database.url)
    async with (
        client_of(auth_service.main.create_app(settings)) as ours,
        client_of(refresh.new_app(surroundings_of(auth_database, issuer))) as bare,
    ):
        registered = await ours.post("/api/v1/auth/register", json={"email": "ada@example.com", "password": PASSWORD})
        tokens = [registered.json()["token"]]
        for client in (bare, ours, bare):
            body = {"refresh_token": tokens[-1]["refresh_token"]}
            tokens.append((await client.post("/api/v1/auth/refresh", json=body)).json())
        used = await bare.post("/api/v1/auth/refresh", json={"refresh_token": tokens[0]["refresh_token"]})

    claims = [jwt.decode(each["access_token"], options={"verify_signature": False}) for each in tokens]
    assert [each.keys() for each in tokens] == [tokens[0].keys()] * len(tokens)
    assert [(each.keys(), each["sub"], each["sid"]) for each in claims] == [
        (claims[0].keys(), claims[0]["sub"], claims[0]["sid"])
    ] * len(claims)
    assert used.status_code == 401
    await auth_database.empty()


async def test_the_bare_verification_verifies(issuer: TokenIssuer) -> None:
    app = argon2.new_app(Surroundings(database_url="", key_set=jwt.PyJWKSet.from_json(issuer.key_set().decode())))

    async with client_of(app) as client:
        response = await client.post("/api/v1/auth/login")

    assert response.status_code == 200
