import asyncio
import socket
import threading
from collections.abc import Callable

import pytest
from fastapi import APIRouter, FastAPI, Request

from service_chassis.testing.servers import LOOPBACK, exchange, serving

HEADERS = b"Host: trial\r\nConnection: close\r\n"
CHUNKS = b"1\r\nh\r\n1\r\ni\r\n0\r\n\r\n"
PATIENCE_SECONDS = 5


class HangingEndpoint:
    """An endpoint that never answers, and tells how it ended."""

    def __init__(self) -> None:
        self.started = threading.Event()
        self.cancelled = threading.Event()
        self.router = APIRouter()
        self.router.add_api_route("/hang", self.hang, methods=["GET", "POST"])
        self.router.add_api_route("/body", self.read_body, methods=["GET", "POST"])

    async def hang(self, request: Request) -> None:
        await request.body()
        self.started.set()
        try:
            await asyncio.Future()
        except asyncio.CancelledError:
            self.cancelled.set()
            raise

    async def read_body(self, request: Request) -> str:
        return (await request.body()).decode()


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"GET /api/v1/hang HTTP/1.1\r\n" + HEADERS + b"\r\n",
        b"POST /api/v1/hang HTTP/1.1\r\n" + HEADERS + b"Content-Length: 2\r\n\r\n{}",
    ],
    ids=["without a body", "with a body"],
)
def test_a_client_that_hangs_up_ends_the_work_done_for_it(
    new_app: Callable[..., FastAPI], request_bytes: bytes
) -> None:
    endpoint = HangingEndpoint()

    with serving(new_app(endpoint.router)) as port:
        with socket.create_connection((LOOPBACK, port)) as connection:
            connection.sendall(request_bytes)
            assert endpoint.started.wait(PATIENCE_SECONDS)

        assert endpoint.cancelled.wait(PATIENCE_SECONDS)


def test_a_client_that_waits_is_not_cut_off(new_app: Callable[..., FastAPI]) -> None:
    endpoint = HangingEndpoint()

    with serving(new_app(endpoint.router)) as port, socket.create_connection((LOOPBACK, port)) as connection:
        connection.sendall(b"GET /api/v1/hang HTTP/1.1\r\n" + HEADERS + b"\r\n")

        assert endpoint.started.wait(PATIENCE_SECONDS)
        assert not endpoint.cancelled.wait(0.3)
        connection.close()


@pytest.mark.parametrize(
    ("request_bytes", "body"),
    [
        (b"GET /api/v1/body HTTP/1.1\r\n" + HEADERS + b"\r\n", b'""'),
        (b"POST /api/v1/body HTTP/1.1\r\n" + HEADERS + b"Content-Length: 2\r\n\r\nhi", b'"hi"'),
        (b"POST /api/v1/body HTTP/1.1\r\n" + HEADERS + b"Transfer-Encoding: chunked\r\n\r\n" + CHUNKS, b'"hi"'),
    ],
    ids=["none", "of declared length", "in chunks"],
)
def test_a_body_arrives_whole(new_app: Callable[..., FastAPI], request_bytes: bytes, body: bytes) -> None:
    with serving(new_app(HangingEndpoint().router)) as port:
        answer = exchange(port, request_bytes)

    assert answer.endswith(body)
