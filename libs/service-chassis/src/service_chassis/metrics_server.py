"""Serves the metrics on a port of their own, from a thread, so that they can be had while the event loop is blocked."""

import os
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, make_server

from prometheus_client import make_wsgi_app
from prometheus_client.exposition import ThreadingWSGIServer
from prometheus_client.registry import Collector
from typing_extensions import override

# How often the thread looks whether it is to end.
_LOOK_SECONDS = 0.1


@contextmanager
def serving_metrics(collector: Collector, *, host: str, port: int) -> Iterator[socket.socket]:
    """Answer whoever asks on that port while a block lasts; the value is the socket that listens.

    Raises:
        SystemExit: it can't be listened on; its text says so.
    """

    class Server(ThreadingWSGIServer):
        address_family = socket.AF_INET6 if ":" in host else socket.AF_INET

    try:
        server = make_server(host, port, make_wsgi_app(collector), Server, handler_class=_Handler)
    except OSError as error:
        sys.exit(f"METRICS_PORT: port {port} can't be listened on: {os.strerror(error.errno or 0)}.")
    thread = threading.Thread(target=server.serve_forever, args=[_LOOK_SECONDS], name="metrics", daemon=True)
    thread.start()
    try:
        yield server.socket
    finally:
        server.shutdown()
        server.server_close()


class _Handler(WSGIRequestHandler):
    # Whoever connects and says nothing keeps a thread for this long.
    timeout = 5

    @override
    def log_message(self, format: str, *args: Any) -> None:
        """Scrapes are nothing to tell of."""
