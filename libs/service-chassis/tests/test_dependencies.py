from collections.abc import AsyncIterator, Callable
from typing import Annotated, Any
from uuid import UUID

import httpx
import pytest
from fastapi import APIRouter, FastAPI, Security
from pydantic import SecretStr
from sqlalchemy import text

from service_chassis.access_tokens.authentication import TokenAuthenticator
from service_chassis.access_tokens.claims import AccessToken
from service_chassis.access_tokens.keys import VerificationKey, parse_key_set
from service_chassis.access_tokens.verification import TokenVerifier
from service_chassis.database import Database
from service_chassis.dependencies import SessionDep, get_access_token, install_dependencies
from service_chassis.settings import ServiceSettings
from service_chassis.testing.clients import running_client
from service_chassis.testing.issuer import AUDIENCE, ISSUER, TokenIssuer

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


class KeysOf:
    """The keys of one issuer."""

    def __init__(self, issuer: TokenIssuer) -> None:
        self._issuer = issuer

    async def keys_for(self, key_id: str) -> dict[str, VerificationKey]:
        assert key_id
        return parse_key_set(self._issuer.key_set())


@pytest.fixture
async def client(
    new_app: NewApp, new_settings: NewSettings, database_url: SecretStr, issuer: TokenIssuer, logged: Logged
) -> AsyncIterator[httpx.AsyncClient]:
    database = Database(new_settings(database_url=database_url))
    verifier = TokenVerifier(issuer=ISSUER, audience=AUDIENCE)
    app = new_app(router)
    install_dependencies(
        app, database=database, authenticator=TokenAuthenticator(verifier=verifier, keys=KeysOf(issuer))
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
