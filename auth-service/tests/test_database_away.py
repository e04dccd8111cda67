"""What clients see while the database is away: 503 within two seconds, and service again as soon as it is back."""

import asyncio
import time
from collections.abc import Callable

import httpx
import pytest
from fastapi import FastAPI

from auth_service.api.resources import new_key_rotation
from auth_service.schemas.devices import COMMAND_LINE
from auth_service.schemas.users import UserWithToken
from service_chassis.testing.clients import running_client
from service_chassis.testing.door import Door
from service_chassis.testing.issuer import TokenIssuer

JWKS = "/.well-known/jwks.json"
ADA = {"email": "ada@example.com", "password": "correct horse battery staple"}
NOWHERE = "postgresql://nobody@127.0.0.1:1/nothing"
# The limit is two seconds; the rest is for a machine that is busy with other tests.
IN_TIME_SECONDS = 3.5


async def answer_in_time(client: httpx.AsyncClient, request: httpx.Request) -> httpx.Response:
    started_at = time.monotonic()
    response = await client.send(request)
    assert time.monotonic() - started_at < IN_TIME_SECONDS
    return response


def request_for(client: httpx.AsyncClient, route: str) -> httpx.Request:
    refresh_token = {"refresh_token": "A" * 43}
    match route:
        case "key set":
            return client.build_request("GET", JWKS)
        case "me":
            headers = {"Authorization": f"Bearer {TokenIssuer().token()}"}
            return client.build_request("GET", "/api/v1/users/me", headers=headers)
        case "register":
            return client.build_request("POST", "/api/v1/auth/register", json=ADA)
        case "login":
            form = {"username": ADA["email"], "password": ADA["password"]}
            return client.build_request("POST", "/api/v1/auth/login", data=form)
        case _:
            return client.build_request("POST", f"/api/v1/auth/{route}", json=refresh_token)


async def request_of_a_user(client: httpx.AsyncClient) -> httpx.Request:
    registered = await client.post("/api/v1/auth/register", json=ADA)
    user = UserWithToken.model_validate_json(registered.content)
    headers = {"Authorization": f"Bearer {user.token.access_token}"}
    return client.build_request("GET", "/api/v1/users/me", headers=headers)


def assert_unavailable(response: httpx.Response) -> None:
    assert response.status_code == 503
    assert int(response.headers["Retry-After"]) > 0
    if response.request.url.path.endswith("/login"):
        assert set(response.json()) == {"error", "error_description"}
        assert response.json()["error"] == "database_unavailable"
        assert response.headers["Cache-Control"] == "no-store"
    else:
        assert response.headers["Content-Type"] == "application/problem+json"
        assert response.json()["code"] == "database_unavailable"


@pytest.mark.parametrize("route", ["key set", "me", "register", "login", "refresh", "logout"])
async def test_a_database_that_refuses_connections_is_a_503(new_app: Callable[..., FastAPI], route: str) -> None:
    async with running_client(new_app(database_url=NOWHERE)) as client:
        response = await answer_in_time(client, request_for(client, route))

    assert_unavailable(response)


async def test_a_database_that_never_answers_is_a_503_for_everybody(
    new_app: Callable[..., FastAPI], door: Door
) -> None:
    door.hold()

    async with running_client(new_app(database_url=door.url)) as client:
        requests = [request_for(client, route) for route in ("key set", "me", "login", "refresh", "logout") * 4]
        responses = await asyncio.gather(*(answer_in_time(client, request) for request in requests))

    for response in responses:
        assert_unavailable(response)


async def test_the_process_lives_and_is_not_ready(new_app: Callable[..., FastAPI]) -> None:
    async with running_client(new_app(database_url=NOWHERE)) as client:
        live, ready, summary = [await client.get(f"/health{path}") for path in ("/live", "/ready", "")]

    assert (live.status_code, ready.status_code, summary.status_code) == (200, 503, 503)
    assert ready.json()["checks"] == {"database": "unavailable"}


async def test_with_its_database_the_process_is_ready(client: httpx.AsyncClient) -> None:
    response = await client.get("/health/ready")

    assert (response.status_code, response.json()["status"]) == (200, "ok")


async def test_service_returns_with_the_database(new_app: Callable[..., FastAPI], door: Door) -> None:
    async with running_client(new_app(database_url=door.url)) as client:
        me = await request_of_a_user(client)
        await door.shut()

        away = await answer_in_time(client, me)
        await door.open()
        back = await answer_in_time(client, me)

    assert_unavailable(away)
    assert back.status_code == 200


async def test_service_returns_with_a_database_that_stood_still(new_app: Callable[..., FastAPI], door: Door) -> None:
    async with running_client(new_app(database_url=door.url)) as client:
        me = await request_of_a_user(client)
        door.hold()

        away = await answer_in_time(client, me)
        await door.open()
        back = await answer_in_time(client, me)

    assert_unavailable(away)
    assert back.status_code == 200


async def test_the_key_set_is_published_on(new_app: Callable[..., FastAPI], door: Door) -> None:
    async with running_client(new_app(database_url=door.url)) as client:
        before = await client.get(JWKS)
        await door.shut()

        response = await client.get(JWKS)

    assert response.content == before.content


async def test_nobody_waits_for_keys_that_are_known(new_app: Callable[..., FastAPI], door: Door) -> None:
    app = new_app(database_url=door.url)
    async with running_client(app) as client:
        before = await client.get(JWKS)
        door.hold()
        # The follower's next reading hangs by now.
        await asyncio.sleep(1.2)

        started_at = time.monotonic()
        answers = await asyncio.gather(*(client.get(JWKS) for _ in range(20)))
        await app.state.resources.signing_keys.signing_key()
        seconds = time.monotonic() - started_at

    assert seconds < 1.5
    assert {answer.content for answer in answers} == {before.content}


async def test_whether_an_unknown_key_is_a_new_one_cannot_be_said(new_app: Callable[..., FastAPI], door: Door) -> None:
    async with running_client(new_app(database_url=door.url)) as client:
        await client.get(JWKS)
        door.hold()

        response = await answer_in_time(client, request_for(client, "me"))

    assert_unavailable(response)


async def test_keys_are_followed_again_when_the_database_is_back(
    new_app: Callable[..., FastAPI], door: Door, capsys: pytest.CaptureFixture[str]
) -> None:
    other = new_app()
    async with running_client(new_app(database_url=door.url)) as client:
        before = await client.get(JWKS)
        await door.shut()
        await until(lambda: "signing keys not read" in capsys.readouterr().out)
        async with other.state.resources.database.session() as session:
            await new_key_rotation(session, settings=other.state.resources.settings, device=COMMAND_LINE).rotate()
        await other.state.resources.database.close()

        await door.open()

        async with asyncio.timeout(5):
            while (await client.get(JWKS)).content == before.content:  # noqa: ASYNC110  # the same
                await asyncio.sleep(0.05)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not condition():  # noqa: ASYNC110  # another task makes it true
            await asyncio.sleep(0.05)
