"""No bad input is a 500: whatever is no text, no number in range or of the wrong type is refused by name."""

from typing import Any
from uuid import uuid4

import httpx
import pytest

ITEMS = "/api/v1/items"
JSON = {"Content-Type": "application/json"}

NO_ITEMS = {
    "NUL": rb'{"title": "a\u0000b"}',
    "raw NUL": b'{"title": "a\0b"}',
    "lone surrogate": rb'{"title": "\ud800"}',
    "surrogates the wrong way round": rb'{"title": "\udc00\ud800"}',
    "surrogate in a name": rb'{"title": "x", "\ud800": 1}',
    "no UTF-8": b'{"title": "\xff"}',
    "surrogate in UTF-8": b'{"title": "\xed\xa0\x80"}',
    "overlong UTF-8": b'{"title": "\xc0\xaf"}',
    "UTF-16": '{"title": "x"}'.encode("utf-16"),
    "byte order mark": b'\xef\xbb\xbf{"title": "x"}',
    "NaN": b'{"title": NaN}',
    "Infinity": b'{"title": -Infinity}',
    "number beyond every range": b'{"title": 1e999}',
    "number of 5,000 digits": b'{"title": ' + b"9" * 5_000 + b"}",
    "boolean": b'{"title": true}',
    "null": b'{"title": null}',
    "list": b'{"title": ["x"]}',
    "object": b'{"title": {"title": "x"}}',
    "number as description": b'{"title": "x", "description": 1}',
    "field of ours, out of range": b'{"title": "x", "version": 99999999999999999999}',
    "deep": b'{"title": ' + b"[" * 30_000 + b"]" * 30_000 + b"}",
    "cut off": b'{"title": "x"',
    "two objects": b'{"title": "x"}{}',
    "list instead of an object": b"[]",
    "null instead of an object": b"null",
    "text instead of an object": b'"title"',
    "number instead of an object": b"7",
    "nothing": b"",
}


NOTHING: dict[str, Any] = {}

NO_IDS = [
    "%00",
    "a%00b",
    "%ff",
    "%ed%a0%80",
    "%c0%af",
    "..%2f..",
    "99999999999999999999999999999999999999",
    "-1",
    "NaN",
    "null",
    "'%20OR%201=1",
    "%F0%9F%98%80",
    "01a20773-9579-707b-9e96-821a206ea19b%0a",
]

NO_QUERIES = [
    "q=%00",
    "q=%ff",
    "q=%ed%a0%80",
    "q=",
    "limit=%00",
    "limit=-1",
    "limit=1e2",
    "limit=NaN",
    "limit=99999999999999999999999999999999",
    "limit=2.5",
    "limit=",
    "sort=%00",
    "sort=title;--",
    "sort=",
    "cursor=%00",
    "cursor=%ff",
    "cursor=%F0%9F%98%80",
    "cursor=AAAA",
    "owner_id=%00",
    "owner_id=NaN",
    "owner_id=99999999999999999999",
    "offset=1",
]

STRANGE_VALUES = [b"\xff", b"\xed\xa0\x80", b"\0", b'"99999999999999999999"', b'"-1"', b'"NaN"', b",,", b'"', b"*, *"]
CONDITIONS = [b"If-Match", b"If-None-Match", b"Idempotency-Key", b"X-Request-ID", b"traceparent"]


def is_refused(response: httpx.Response) -> bool:
    is_problem = response.headers["Content-Type"] == "application/problem+json"
    return is_problem and response.json()["status"] == response.status_code in {400, 404, 422}


async def test_a_body_that_is_no_item_is_refused_and_stores_nothing(client: httpx.AsyncClient) -> None:
    location = (await client.post(ITEMS, json={"title": "x"})).headers["Location"]
    before = (await client.get(ITEMS)).json()

    accepted = [
        (name, method, path)
        for name, body in NO_ITEMS.items()
        for method, path, content in (
            ("POST", ITEMS, body),
            ("PATCH", location, body),
            ("POST", f"{ITEMS}/batch", body),
            ("POST", f"{ITEMS}/batch", b'{"items": [{"title": "x"}, ' + body + b"]}"),
        )
        if not is_refused(await client.request(method, path, content=content, headers=JSON))
    ]

    assert accepted == []
    assert (await client.get(ITEMS)).json() == before


async def test_a_path_that_names_no_item_is_refused(client: httpx.AsyncClient) -> None:
    change: dict[str, Any] = {"content": b'{"title": "x"}', "headers": JSON}

    accepted = [
        (method, item_id)
        for item_id in NO_IDS
        for method, body in (("GET", NOTHING), ("PATCH", change), ("DELETE", NOTHING))
        if not is_refused(await client.request(method, f"{ITEMS}/{item_id}", **body))
    ]

    assert accepted == []


async def test_a_query_that_means_nothing_is_refused(client: httpx.AsyncClient) -> None:
    accepted = [query for query in NO_QUERIES if not is_refused(await client.get(f"{ITEMS}?{query}"))]

    assert accepted == []


@pytest.mark.parametrize("name", CONDITIONS, ids=bytes.decode)
async def test_no_header_is_a_500(client: httpx.AsyncClient, name: bytes) -> None:
    location = (await client.post(ITEMS, json={"title": "x"})).headers["Location"]

    statuses = [
        (await client.request(method, path, json=body, headers=[(name, value)])).status_code
        for value in STRANGE_VALUES
        for method, path, body in (
            ("GET", location, None),
            ("PATCH", location, {"title": "y"}),
            ("POST", ITEMS, {"title": "y"}),
            ("DELETE", f"{ITEMS}/{uuid4()}", None),
        )
    ]

    assert max(statuses) < 500


async def test_an_authorization_that_is_no_text_is_a_401(anonymous: httpx.AsyncClient) -> None:
    for value in (b"Bearer \xff", b"\xff", b"Bearer \0", b"Bearer \xed\xa0\x80.a.b"):
        response = await anonymous.get(f"{ITEMS}/{uuid4()}", headers=[(b"Authorization", value)])

        assert response.status_code == 401
