from collections.abc import AsyncIterator, Callable
from typing import Annotated, Any
from uuid import UUID

import httpx
import pytest
from fastapi import APIRouter, FastAPI, Security
from pydantic import SecretStr
from sqlalchemy import text

from service_chassis.access_tokens.authentication import TokenAuthenticator
from service_chassis.access_tokens.claims import AccessToken, ServiceToken
from service_chassis.access_tokens.verification import ServiceTokenVerifier, TokenVerifier
from service_chassis.database import Database
from service_chassis.dependencies import SessionDep, get_access_token, get_service_token, install_dependencies
from service_chassis.settings import ServiceSettings
from service_chassis.testing.clients import running_client
from service_chassis.testing.issuer import AUDIENCE, ISSUER, SERVICE_AUDIENCE, KeysOf, TokenIssuer

Logged = Callable[[], list[dict[str, Any]]]
NewApp = Callable[..., FastAPI]
NewSettings = Callable[..., ServiceSettings]

USER_ID = UUID("0198c0de-0000-7000-8000-00000000000a")
# The check is made when the transaction commits, not when the statement runs.
CREATE_NOTES = "CREATE TABLE notes (id integer UNIQUE DEFERRABLE INITIALLY DEFERRED)"

router = APIRouter()


@router.post("/notes/{note_id}")
async def write_note(note_id: int, session: SessionDep) -> str:
    await session.execute(text("INSERT INTO notes VALUES (:id)"), {"id": note_id})
    return "written"


@router.get("/notes")
async def count_notes(session: SessionDep) -> int:
    count: int = (await session.execute(text("SELECT count(*) FROM notes"))).scalar_one()
    return count


@router.get("/me")
async def read_me(token: Annotated[AccessToken, Security(get_access_token, scopes=["users:me"])]) -> UUID:
    return token.subject


@router.get("/events")
async def read_events(token: Annotated[ServiceToken, Security(get_service_token, scopes=["events:read"])]) -> str:
    return token.client_id


@pytest.fixture
async def client(
    new_app: NewApp, new_settings: NewSettings, database_url: SecretStr, issuer: TokenIssuer, logged: Logged
) -> AsyncIterator[httpx.AsyncClient]:
    database = Database(new_settings(database_url=database_url))
    verifier = TokenVerifier(issuer=ISSUER, audience=AUDIENCE)
    service_verifier = ServiceTokenVerifier(issuer=ISSUER, audience=SERVICE_AUDIENCE)
    app = new_app(router)
    install_dependencies(
        app,
        database=database,
        authenticator=TokenAuthenticator(verifier=verifier, keys=KeysOf(issuer)),
        service_authenticator=TokenAuthenticator(verifier=service_verifier, keys=KeysOf(issuer)),
    )
    async with database.session() as session:
        await session.execute(text(CREATE_NOTES))
    async with running_client(app) as client:
        logged()
        yield client
    async with database.session() as session:
        await session.execute(text("DROP TABLE notes"))
    await database.close()


async def test_a_request_is_one_transaction(client: httpx.AsyncClient) -> None:
    await client.post("/api/v1/notes/1")

    assert (await client.get("/api/v1/notes")).json() == 1


async def test_an_answer_leaves_after_the_commit(client: httpx.AsyncClient) -> None:
    await client.post("/api/v1/notes/1")

    answer = await client.post("/api/v1/notes/1")

    assert (answer.status_code, answer.json()["code"]) == (500, "internal_error")
    assert (await client.get("/api/v1/notes")).json() == 1


async def test_a_token_with_the_scope_is_let_in(client: httpx.AsyncClient, issuer: TokenIssuer) -> None:
    answer = await client.get("/api/v1/me", headers=issuer.authorization(USER_ID, scope="users:me items:read"))

    assert answer.json() == str(USER_ID)


@pytest.mark.parametrize("scope", ["", "items:read", "users:me:more", "admin"])
async def test_a_token_without_the_scope_is_not(client: httpx.AsyncClient, issuer: TokenIssuer, scope: str) -> None:
    answer = await client.get("/api/v1/me", headers=issuer.authorization(USER_ID, scope=scope))

    assert (answer.status_code, answer.json()["code"]) == (403, "insufficient_scope")
    assert answer.headers["WWW-Authenticate"] == 'Bearer error="insufficient_scope"'


async def test_the_access_line_says_who_asked(client: httpx.AsyncClient, issuer: TokenIssuer, logged: Logged) -> None:
    await client.get("/api/v1/me", headers=issuer.authorization(USER_ID))

    (line,) = logged()

    assert line["user_id"] == str(USER_ID)


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


async def test_a_machine_client_with_the_scope_is_let_in(client: httpx.AsyncClient, issuer: TokenIssuer) -> None:
    answer = await client.get("/api/v1/events", headers=bearer(issuer.service_token("items-service")))

    assert answer.json() == "items-service"


@pytest.mark.parametrize("scope", ["", "events:write", "events:read:more"])
async def test_a_machine_client_without_the_scope_is_not(
    client: httpx.AsyncClient, issuer: TokenIssuer, scope: str
) -> None:
    answer = await client.get("/api/v1/events", headers=bearer(issuer.service_token(scope=scope)))

    assert (answer.status_code, answer.json()["code"]) == (403, "insufficient_scope")


async def test_users_and_machine_clients_stay_apart(client: httpx.AsyncClient, issuer: TokenIssuer) -> None:
    user, service = issuer.token(scope="events:read"), issuer.service_token(scope="users:me")

    as_user = await client.get("/api/v1/events", headers=bearer(user))
    as_service = await client.get("/api/v1/me", headers=bearer(service))

    assert (as_user.status_code, as_user.json()["code"]) == (401, "invalid_token")
    assert (as_service.status_code, as_service.json()["code"]) == (401, "invalid_token")


async def test_a_route_for_machine_clients_needs_a_token(client: httpx.AsyncClient) -> None:
    answer = await client.get("/api/v1/events")

    assert (answer.status_code, answer.json()["code"]) == (401, "missing_token")


async def test_the_access_line_says_which_client_asked(
    client: httpx.AsyncClient, issuer: TokenIssuer, logged: Logged
) -> None:
    await client.get("/api/v1/events", headers=bearer(issuer.service_token("items-service")))

    (line,) = logged()

    assert line["client_id"] == "items-service"
