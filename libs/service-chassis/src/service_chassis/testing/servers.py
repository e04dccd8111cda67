"""Applications on real sockets, served with the options of production."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn
from starlette.types import ASGIApp

from service_chassis.server import SERVER_OPTIONS, Server

LOOPBACK = "127.0.0.1"
_PATIENCE_SECONDS = 5.0


@contextmanager
def serving(app: ASGIApp, *, port: int = 0) -> Iterator[int]:
    """Serve from another thread until the block ends; the value is the port, any free one unless given."""
    config = uvicorn.Config(app, **SERVER_OPTIONS)
    server = Server(config)
    with socket.create_server((LOOPBACK, port)) as listener:
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            while not server.started and thread.is_alive():
                time.sleep(0.005)
            yield listener.getsockname()[1]
        finally:
            server.should_exit = True
            thread.join()


def exchange(port: int, request: bytes) -> bytes:
    """Send these bytes and return everything that comes back until the server closes the connection."""
    with socket.create_connection((LOOPBACK, port), _PATIENCE_SECONDS) as connection:
        connection.sendall(request)
        return b"".join(iter(lambda: connection.recv(65536), b""))
