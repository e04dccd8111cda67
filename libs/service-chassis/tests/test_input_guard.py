from collections.abc import AsyncIterator, Callable, Iterator

import httpx
import pytest
from fastapi import APIRouter, FastAPI, Request

from service_chassis.testing.clients import running_client
from service_chassis.testing.servers import exchange, serving

NewApp = Callable[..., FastAPI]

router = APIRouter(prefix="/things")


@router.post("")
async def measure(request: Request) -> int:
    return len(await request.body())


@router.post("/large")
async def measure_large(request: Request) -> int:
    return len(await request.body())


@router.get("/{name}")
async def read(name: str, q: str = "") -> list[str]:
    return [name, q]


@pytest.fixture
async def client(new_app: NewApp) -> AsyncIterator[httpx.AsyncClient]:
    async with running_client(new_app(router, larger_bodies={"/api/v1/things/large": 100_000})) as client:
        yield client


@pytest.fixture(scope="module")
def port(new_app: NewApp) -> Iterator[int]:
    with serving(new_app(router)) as port:
        yield port


def raw_request(target: bytes = b"/api/v1/things/a", *, headers: bytes = b"", method: bytes = b"GET") -> bytes:
    return method + b" " + target + b" HTTP/1.1\r\nHost: trial\r\nConnection: close\r\n" + headers + b"\r\n"


def status_and_code(answer: bytes) -> tuple[int, bytes]:
    return int(answer.split(b" ", 2)[1]), answer.partition(b'"code":"')[2].partition(b'"')[0]


async def test_text_in_every_script_passes(client: httpx.AsyncClient) -> None:
    answer = await client.get("/api/v1/things/日本語 %", params={"q": "é€😀/\\"})

    assert answer.json() == ["日本語 %", "é€😀/\\"]


@pytest.mark.parametrize(
    "target",
    [
        pytest.param(b"/api/v1/things/a%00", id="NUL in the path"),
        pytest.param(b"/api/v1/things/a?q=%00", id="NUL in the query"),
        pytest.param(b"/api/v1/things/%ff", id="no UTF-8 in the path"),
        pytest.param(b"/api/v1/things/a?q=%ff", id="no UTF-8 in the query"),
        pytest.param(b"/api/v1/things/%ed%a0%80", id="a lone surrogate"),
        pytest.param(b"/api/v1/things/%c0%af", id="an overlong slash"),
        pytest.param(b"/api/v1/things/%c3", id="half a letter"),
        pytest.param(b"/api/v1/things/a%2fb", id="encoded slash"),
        pytest.param(b"/api/v1/things/a%2Fb", id="encoded slash in capitals"),
        pytest.param(b"/api/v1/things/a%5cb", id="encoded backslash"),
        pytest.param(b"/api/v1/things/a%5Cb", id="encoded backslash in capitals"),
        pytest.param(b"/api/v1/things/a\\b", id="backslash"),
    ],
)
def test_a_url_that_servers_read_differently_is_refused(port: int, target: bytes) -> None:
    answer = exchange(port, raw_request(target))

    assert status_and_code(answer) == (400, b"malformed_url")


@pytest.mark.parametrize("target", [b"/api/v1/things/\xff", b"/api/v1/things/a?q=\xff", b"/api/v1/things/a\0"])
def test_raw_bytes_in_a_url_are_refused(port: int, target: bytes) -> None:
    answer = exchange(port, raw_request(target))

    assert status_and_code(answer)[0] == 400


@pytest.mark.parametrize(
    ("target", "status"),
    [
        (b"/api/v1/things/" + b"a" * (8192 - 15), 200),
        (b"/api/v1/things/" + b"a" * (8193 - 15), 414),
        (b"/api/v1/things/a?q=" + b"a" * (8192 - 18), 200),
        (b"/api/v1/things/a?q=" + b"a" * (8193 - 18), 414),
    ],
)
def test_a_url_has_at_most_8_kb(port: int, target: bytes, status: int) -> None:
    answer = exchange(port, raw_request(target))

    assert status_and_code(answer)[0] == status


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param(b"X-Large: " + b"a" * 16_384 + b"\r\n", id="one header"),
        pytest.param(b"X-Many: a\r\n" * 3_000, id="many headers"),
        pytest.param(b"X-Large: " + b"a" * 1_000_000 + b"\r\n", id="a header of a megabyte"),
    ],
)
def test_headers_have_at_most_16_kb(port: int, headers: bytes) -> None:
    answer = exchange(port, raw_request(headers=headers))

    assert status_and_code(answer) == (431, b"headers_too_large")


def test_headers_below_the_limit_pass(port: int) -> None:
    answer = exchange(port, raw_request(headers=b"X-Large: " + b"a" * 16_000 + b"\r\n"))

    assert status_and_code(answer)[0] == 200


@pytest.mark.parametrize("header", [b"Host: other\r\n", b"Content-Type: a/b\r\nContent-Type: c/d\r\n"])
def test_a_header_with_one_meaning_may_not_be_repeated(port: int, header: bytes) -> None:
    answer = exchange(port, raw_request(headers=header))

    assert status_and_code(answer) == (400, b"repeated_header")


def test_two_lengths_of_one_body_are_refused(port: int) -> None:
    lengths = b"Content-Length: 3\r\nContent-Length: 4\r\n"

    answer = exchange(port, raw_request(b"/api/v1/things", headers=lengths, method=b"POST") + b"abcd")

    assert status_and_code(answer)[0] == 400


def test_a_header_may_be_any_bytes_but_nul(port: int) -> None:
    strange = exchange(port, raw_request(headers=b"X-Strange: \xff\xfe\x80\r\n"))
    nul = exchange(port, raw_request(headers=b"X-Strange: a\0b\r\n"))

    assert [status_and_code(strange)[0], status_and_code(nul)[0]] == [200, 400]


async def in_chunks(size: int) -> AsyncIterator[bytes]:
    for _ in range(size // 1024):
        yield b"a" * 1024
    yield b"a" * (size % 1024)


@pytest.mark.parametrize("declared", [True, False])
async def test_a_body_has_at_most_64_kb(client: httpx.AsyncClient, declared: bool) -> None:  # a case
    def content(size: int) -> bytes | AsyncIterator[bytes]:
        return b"a" * size if declared else in_chunks(size)

    fitting = await client.post("/api/v1/things", content=content(65_536))
    too_large = await client.post("/api/v1/things", content=content(65_537))

    assert (fitting.status_code, fitting.json()) == (200, 65_536)
    assert (too_large.status_code, too_large.json()["code"]) == (413, "content_too_large")


@pytest.mark.parametrize("declared", [True, False])
async def test_a_path_may_take_larger_bodies(client: httpx.AsyncClient, declared: bool) -> None:  # a case
    def content(size: int) -> bytes | AsyncIterator[bytes]:
        return b"a" * size if declared else in_chunks(size)

    fitting = await client.post("/api/v1/things/large", content=content(100_000))
    too_large = await client.post("/api/v1/things/large", content=content(100_001))

    assert (fitting.status_code, fitting.json()) == (200, 100_000)
    assert (too_large.status_code, too_large.json()["detail"]) == (413, "The body exceeds 100000 bytes.")


@pytest.mark.parametrize("path", ["/api/v1/things/a", "/nowhere"])
async def test_a_body_is_judged_before_the_route(client: httpx.AsyncClient, path: str) -> None:
    answer = await client.post(path, content=b"a" * 65_537)

    assert answer.status_code == 413


async def test_a_refused_body_is_answered_like_everything_else(client: httpx.AsyncClient) -> None:
    answer = await client.post("/api/v1/things", content=b"a" * 65_537)

    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert "X-Request-ID" in answer.headers


async def test_a_length_that_is_no_number_is_left_to_the_count(client: httpx.AsyncClient) -> None:
    answer = await client.post("/api/v1/things", content=in_chunks(65_537), headers={"Content-Length": "unknown"})

    assert answer.status_code == 413


def test_a_body_that_was_refused_ahead_leaves_the_server_in_step(port: int) -> None:
    refused = b"POST /api/v1/things HTTP/1.1\r\nHost: trial\r\nContent-Length: 70000\r\n\r\n" + b"a" * 70_000

    answer = exchange(port, refused + raw_request())

    assert [part[:3] for part in answer.split(b"HTTP/1.1 ")[1:]] == [b"413", b"200"]
