import random
import string
from collections.abc import AsyncIterator, Callable
from typing import Annotated

import httpx
import pytest
from fastapi import APIRouter, FastAPI, Query
from pydantic import SecretStr

from service_chassis.base64url import decode_base64url, encode_base64url
from service_chassis.pagination import CursorSigner, InvalidCursorError, PageRequest
from service_chassis.testing.clients import running_client

NewApp = Callable[..., FastAPI]

POSITION = ["2026-01-01T00:00:00Z", "0198c0de-0000-7000-8000-000000000000", 'é "quoted"']


def new_signer(*keys: str) -> CursorSigner:
    return CursorSigner([SecretStr(key) for key in keys or ("current",)])


def is_refused(cursor: str) -> bool:
    try:
        new_signer().verify(cursor, list_name="mine")
    except InvalidCursorError:
        return True
    return False


def test_a_cursor_gives_its_position_back() -> None:
    cursor = new_signer().sign(POSITION, list_name="mine")

    assert new_signer().verify(cursor, list_name="mine") == POSITION


def test_a_cursor_needs_no_escaping_in_a_url() -> None:
    cursors = "".join(new_signer().sign([str(number)], list_name="mine") for number in range(100))

    assert set(cursors) <= set(string.ascii_letters + string.digits + "-_")


def test_a_cursor_of_another_list_is_refused() -> None:
    cursor = new_signer().sign(POSITION, list_name="yours")

    assert is_refused(cursor)


def test_a_list_and_its_position_are_not_confused() -> None:
    cursor = new_signer().sign(["b", "c"], list_name="a")

    with pytest.raises(InvalidCursorError):
        new_signer().verify(cursor, list_name='a"]["b')


def test_a_cursor_of_another_key_is_refused() -> None:
    cursor = new_signer("foreign").sign(POSITION, list_name="mine")

    assert is_refused(cursor)


def test_a_cursor_outlives_the_replacement_of_its_key() -> None:
    cursor = new_signer("older").sign(POSITION, list_name="mine")

    assert new_signer("newer", "older").verify(cursor, list_name="mine") == POSITION


def test_the_first_key_signs() -> None:
    cursor = new_signer("newer", "older").sign(POSITION, list_name="mine")

    assert new_signer("newer").verify(cursor, list_name="mine") == POSITION


def test_a_cursor_with_any_bit_flipped_is_refused() -> None:
    signed = decode_base64url(new_signer().sign(POSITION, list_name="mine"))

    for bit in range(8 * len(signed)):
        edited = bytearray(signed)
        edited[bit // 8] ^= 1 << bit % 8

        assert is_refused(encode_base64url(bytes(edited)))


def test_a_cursor_has_no_other_spelling() -> None:
    cursor = new_signer().sign(POSITION, list_name="mine")

    for other in (f"{cursor}=", f"{cursor}!", f" {cursor}", f"{cursor}\n", cursor[:9] + "." + cursor[9:]):
        assert is_refused(other)


def test_random_bytes_are_refused() -> None:
    generator = random.Random(1)  # reproducible on purpose

    for length in range(200):
        assert is_refused(encode_base64url(generator.randbytes(length)))


def test_random_text_is_refused() -> None:
    generator = random.Random(1)  # reproducible on purpose

    for length in range(200):
        assert is_refused("".join(chr(generator.randrange(0x2000)) for _ in range(length)))


@pytest.mark.parametrize("cursor", ["", "a", "ab", "=", "====", "null", "é", "😀", "\0", "a" * 1024, "A" * 8000])
def test_garbage_is_refused(cursor: str) -> None:
    assert is_refused(cursor)


@pytest.fixture
async def client(new_app: NewApp) -> AsyncIterator[httpx.AsyncClient]:
    router = APIRouter()

    @router.get("/things")
    async def list_things(page: Annotated[PageRequest, Query()]) -> PageRequest:
        new_signer().verify(page.cursor or new_signer().sign(POSITION, list_name="mine"), list_name="mine")
        return page

    async with running_client(new_app(router)) as client:
        yield client


async def test_a_page_has_twenty_rows_unless_asked_otherwise(client: httpx.AsyncClient) -> None:
    answer = await client.get("/api/v1/things")

    assert answer.json() == {"limit": 20, "cursor": None}


@pytest.mark.parametrize("query", ["limit=0", "limit=101", "limit=many", "offset=10"])
async def test_a_page_that_cannot_be_is_pointed_at(client: httpx.AsyncClient, query: str) -> None:
    answer = await client.get(f"/api/v1/things?{query}")

    assert [field["pointer"] for field in answer.json()["errors"]] == [f"/{query.partition('=')[0]}"]


async def test_a_refused_cursor_is_a_bad_request(client: httpx.AsyncClient) -> None:
    answer = await client.get("/api/v1/things?cursor=edited")

    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_cursor")
