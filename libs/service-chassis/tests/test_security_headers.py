from collections.abc import AsyncIterator, Callable

import httpx
import pytest
from fastapi import APIRouter, FastAPI, Response

from service_chassis.testing.clients import running_client

NewApp = Callable[..., FastAPI]

router = APIRouter()


@router.get("/plain")
async def answer_plainly() -> str:
    return "plain"


@router.get("/cached")
async def answer_for_caches(response: Response) -> str:
    response.headers["Cache-Control"] = "public, max-age=60"
    return "cached"


@pytest.fixture
async def client(new_app: NewApp) -> AsyncIterator[httpx.AsyncClient]:
    async with running_client(new_app(router)) as client:
        yield client


@pytest.mark.parametrize("path", ["/api/v1/plain", "/nowhere", "/api/v1/plain%00"])
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("Cache-Control", "no-store"),
        ("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'"),
        ("Cross-Origin-Resource-Policy", "same-origin"),
        ("Referrer-Policy", "no-referrer"),
        ("X-Content-Type-Options", "nosniff"),
        ("X-Frame-Options", "DENY"),
    ],
)
async def test_every_answer_carries_the_header(client: httpx.AsyncClient, path: str, name: str, value: str) -> None:
    answer = await client.get(path)

    assert answer.headers.get_list(name) == [value]


async def test_a_header_that_the_answer_sets_itself_stays(client: httpx.AsyncClient) -> None:
    answer = await client.get("/api/v1/cached")

    assert answer.headers.get_list("Cache-Control") == ["public, max-age=60"]
