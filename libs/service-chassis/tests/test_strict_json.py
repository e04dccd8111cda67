from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx
import pytest
from fastapi import APIRouter, FastAPI
from pydantic import Field

from service_chassis.strict_json import StrictModel, StrictRoute, Text
from service_chassis.testing.clients import running_client

NewApp = Callable[..., FastAPI]

router = APIRouter(prefix="/things", route_class=StrictRoute)


class Thing(StrictModel):
    title: Text = Field("untitled", max_length=100)
    count: int = Field(0, ge=-(2**31), lt=2**31)
    weight: float = 0
    extra: dict[str, Any] = Field(default_factory=dict)


@router.post("")
async def create(thing: Thing) -> Thing:
    return thing


@router.post("/optional")
async def create_perhaps(thing: Thing | None = None) -> Thing | None:
    return thing


@router.delete("")
async def delete() -> None:
    return


@pytest.fixture
async def client(new_app: NewApp) -> AsyncIterator[httpx.AsyncClient]:
    async with running_client(new_app(router)) as client:
        yield client


async def send(client: httpx.AsyncClient, body: bytes, *, content_type: str = "application/json") -> httpx.Response:
    return await client.post("/api/v1/things", content=body, headers={"Content-Type": content_type})


async def test_strict_json_is_taken(client: httpx.AsyncClient) -> None:
    answer = await send(client, b'{"title": "\\ud83d\\ude00 \xe2\x82\xac", "count": -3, "weight": 1.5e3}')

    assert answer.json() == {"title": "😀 €", "count": -3, "weight": 1500.0, "extra": {}}


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b'{"weight": NaN}', id="NaN"),
        pytest.param(b'{"weight": Infinity}', id="Infinity"),
        pytest.param(b'{"weight": -Infinity}', id="-Infinity"),
        pytest.param(b'{"title": "\\ud800"}', id="high surrogate alone"),
        pytest.param(b'{"title": "\\udc00"}', id="low surrogate alone"),
        pytest.param(b'{"extra": {"\\ud800": 1}}', id="surrogate in a name"),
        pytest.param(b'{"title": "\xed\xa0\x80"}', id="surrogate in UTF-8"),
        pytest.param(b'{"title": "\xff"}', id="no UTF-8"),
        pytest.param('{"title": "a"}'.encode("utf-16"), id="UTF-16"),
        pytest.param(b'\xef\xbb\xbf{"title": "a"}', id="byte order mark"),
        pytest.param(b"[" * 10_000, id="deep and open"),
        pytest.param(b'{"extra": {"a": ' + b"[" * 10_000 + b"]" * 10_000 + b"}}", id="deep and closed"),
        pytest.param(b'{"a":' * 10_000 + b"1" + b"}" * 10_000, id="deep objects"),
        pytest.param(b'{"count": ' + b"9" * 5_000 + b"}", id="5,000 digits"),
        pytest.param(b'{"title": "a"} {}', id="two values"),
        pytest.param(b'{"title": "a",}', id="trailing comma"),
        pytest.param(b"{'title': 'a'}", id="single quotes"),
        pytest.param(b'{"title": "a\nb"}', id="raw line break"),
        pytest.param(b'{"count": 01}', id="leading zero"),
        pytest.param(b"title=a", id="a form"),
    ],
)
async def test_what_is_not_strict_json_is_refused_as_such(client: httpx.AsyncClient, body: bytes) -> None:
    answer = await send(client, body)

    assert (answer.status_code, answer.json()["code"]) == (400, "bad_request")


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        pytest.param(b'{"title": "a\\u0000b"}', "/title", id="NUL"),
        pytest.param(b'{"is_superuser": true}', "/is_superuser", id="unknown field"),
        pytest.param(b'{"count": 2147483648}', "/count", id="beyond the column"),
        pytest.param(b'{"count": ' + b"9" * 4_000 + b"}", "/count", id="4,000 digits"),
        pytest.param(b'{"count": 1e400}', "/count", id="infinite integer"),
        pytest.param(b'{"weight": 1e400}', "/weight", id="infinite by its exponent"),
        pytest.param(b'{"weight": ' + b"9" * 4_000 + b"}", "/weight", id="infinite by its digits"),
        pytest.param(b'{"title": "' + b"a" * 101 + b'"}', "/title", id="too long"),
        pytest.param(b"null", "", id="null"),
        pytest.param(b"[]", "", id="list"),
        pytest.param(b'"a"', "", id="string"),
        pytest.param(b"", "", id="nothing"),
    ],
)
async def test_json_of_another_shape_is_pointed_at(client: httpx.AsyncClient, body: bytes, pointer: str) -> None:
    answer = await send(client, body)

    assert answer.status_code == 422
    assert [field["pointer"] for field in answer.json()["errors"]] == [pointer]


@pytest.mark.parametrize(
    "content_type",
    [
        "application/json",
        "Application/JSON",
        "application/json; charset=utf-8",
        "application/merge-patch+json",
    ],
)
async def test_every_kind_of_json_is_taken(client: httpx.AsyncClient, content_type: str) -> None:
    answer = await send(client, b"{}", content_type=content_type)

    assert answer.status_code == 200


@pytest.mark.parametrize(
    "content_type", ["", "text/plain", "text/json", "application/x-www-form-urlencoded", "application/jsonp", "+json"]
)
async def test_a_body_that_is_not_declared_as_json_is_refused(client: httpx.AsyncClient, content_type: str) -> None:
    answer = await send(client, b"{}", content_type=content_type)

    assert (answer.status_code, answer.json()["code"]) == (415, "unsupported_media_type")


async def test_a_body_without_a_declaration_is_refused(client: httpx.AsyncClient) -> None:
    answer = await client.post("/api/v1/things", content=b"{}")

    assert answer.status_code == 415


async def test_no_body_needs_no_declaration(client: httpx.AsyncClient) -> None:
    missing = await client.post("/api/v1/things")
    optional = await client.post("/api/v1/things/optional")

    assert missing.status_code == 422
    assert (optional.status_code, optional.json()) == (200, None)


async def test_a_route_without_a_body_does_not_judge_one(client: httpx.AsyncClient) -> None:
    answer = await client.request("DELETE", "/api/v1/things", content=b"a", headers={"Content-Type": "text/plain"})

    assert answer.status_code == 200
