"""The head and the body of an answer arrive together, unless the body is not there yet."""

import asyncio
import socket
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
import uvicorn
import uvloop
from uvicorn.server import ServerState

from service_chassis.server import SERVER_OPTIONS
from service_chassis.testing.servers import LOOPBACK, exchange, serving
from service_chassis.whole_answers import MAXIMUM_GATHERED_BYTES, WholeAnswersProtocol

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send

PIECES = 40
PIECE = b"x" * (MAXIMUM_GATHERED_BYTES // 10)


async def application(scope: "Scope", receive: "Receive", send: "Send") -> None:
    """Answer at once, in many pieces, or with a body only after the client has sent one."""
    if scope["type"] != "http":
        return
    await send({"type": "http.response.start", "status": 200, "headers": []})
    if scope["path"] == "/late":
        await receive()
    for _ in range(PIECES if scope["path"] == "/long" else 0):
        await send({"type": "http.response.body", "body": PIECE, "more_body": True})
    await send({"type": "http.response.body", "body": b"the end"})


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    with serving(application) as port:
        yield port


def request_for(path: str, *headers: str) -> bytes:
    return "\r\n".join([f"GET {path} HTTP/1.1", "Host: trial", *headers, "", ""]).encode()


def test_an_answer_arrives_in_one_piece(port: int) -> None:
    with socket.create_connection((LOOPBACK, port)) as connection:
        connection.sendall(request_for("/short"))

        received = connection.recv(65536)

    assert received.startswith(b"HTTP/1.1 200 OK")
    assert b"the end" in received


def test_a_long_answer_arrives_whole_before_its_connection_is_closed(port: int) -> None:
    received = exchange(port, request_for("/long", "Connection: close"))

    assert received.count(PIECE) == PIECES
    assert received.endswith(b"the end\r\n0\r\n\r\n")


def test_the_head_of_an_answer_does_not_wait_for_a_body_that_comes_later(port: int) -> None:
    with socket.create_connection((LOOPBACK, port), 5) as connection:
        connection.sendall(request_for("/late", "Content-Length: 2"))
        head = connection.recv(65536)
        connection.sendall(b"{}")
        body = connection.recv(65536)

    assert head.endswith(b"\r\n\r\n")
    assert b"the end" in body


def test_an_answer_to_a_client_that_is_lost_is_no_error() -> None:
    errors: list[object] = []

    async def answer_too_late() -> None:
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _, context: errors.append(context))
        ours, theirs = socket.socketpair()
        config = uvicorn.Config(application, **SERVER_OPTIONS)
        protocol = WholeAnswersProtocol(config, ServerState(), {})
        await loop.connect_accepted_socket(lambda: protocol, ours)
        protocol.transport.abort()
        await asyncio.sleep(0.05)
        protocol.transport.write(b"too late")
        await asyncio.sleep(0.05)
        theirs.close()

    uvloop.run(answer_too_late())

    assert errors == []
