import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable

import pytest
import uvicorn
from fastapi import APIRouter, FastAPI, Request

HANG = b"GET /api/v1/hang HTTP/1.1\r\nHost: trial\r\n\r\n"
HANG_WITH_BODY = b"POST /api/v1/hang HTTP/1.1\r\nHost: trial\r\nContent-Length: 2\r\n\r\n{}"


class HangingEndpoint:
    """An endpoint that never answers, and tells how it ended."""

    def __init__(self) -> None:
        self.started = asyncio.Event()
        self.cancelled = asyncio.Event()
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


@contextlib.asynccontextmanager
async def serving(app: FastAPI) -> AsyncIterator[int]:
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_config=None, lifespan="on", timeout_graceful_shutdown=1))
    task = asyncio.create_task(server.serve())
    while not server.started:  # noqa: ASYNC110  # uvicorn has no event for it
        await asyncio.sleep(0.01)
    try:
        yield server.servers[0].sockets[0].getsockname()[1]
    finally:
        server.should_exit = True
        await task


@pytest.mark.parametrize("request_bytes", [HANG, HANG_WITH_BODY])
async def test_a_client_that_hangs_up_ends_the_work_done_for_it(
    new_app: Callable[..., FastAPI], request_bytes: bytes
) -> None:
    endpoint = HangingEndpoint()

    async with serving(new_app(endpoint.router)) as port:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(request_bytes)
        async with asyncio.timeout(5):
            await endpoint.started.wait()
            writer.close()
            await writer.wait_closed()

            await endpoint.cancelled.wait()


async def test_a_client_that_waits_is_not_cut_off(new_app: Callable[..., FastAPI]) -> None:
    endpoint = HangingEndpoint()

    async with serving(new_app(endpoint.router)) as port:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(HANG)
        async with asyncio.timeout(5):
            await endpoint.started.wait()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(endpoint.cancelled.wait(), 0.3)

        assert not endpoint.cancelled.is_set()
        writer.close()
        await writer.wait_closed()


@pytest.mark.parametrize(
    ("request_bytes", "body"),
    [
        (b"GET /api/v1/body HTTP/1.1\r\nHost: trial\r\nConnection: close\r\n\r\n", b'""'),
        (b"POST /api/v1/body HTTP/1.1\r\nHost: trial\r\nConnection: close\r\nContent-Length: 2\r\n\r\nhi", b'"hi"'),
        (
            b"POST /api/v1/body HTTP/1.1\r\nHost: trial\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n"
            + b"\r\n1\r\nh\r\n1\r\ni\r\n0\r\n\r\n",
            b'"hi"',
        ),
    ],
)
async def test_a_body_arrives_whole(new_app: Callable[..., FastAPI], request_bytes: bytes, body: bytes) -> None:
    async with serving(new_app(HangingEndpoint().router)) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(request_bytes)
        async with asyncio.timeout(5):
            answer = await reader.read()
        writer.close()
        await writer.wait_closed()

    assert answer.endswith(body)
