"""Serves the metrics on a port of their own, from a thread, so that they can be had while the event loop is blocked."""

import os
import selectors
import socket
import sys
import threading
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, make_server

from prometheus_client import make_wsgi_app
from prometheus_client.exposition import ThreadingWSGIServer
from prometheus_client.registry import Collector
from typing_extensions import override


class MetricsServer:
    """Answers whoever asks on that port, on any path.

    Raises:
        SystemExit: it can't be listened on; the text says so.
    """

    def __init__(self, collector: Collector, *, host: str, port: int) -> None:
        class Server(ThreadingWSGIServer):
            address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
            # Who asked may be gone by the time it is looked for.
            timeout = 0

        try:
            self._server = make_server(host, port, make_wsgi_app(collector), Server, handler_class=_Handler)
        except OSError as error:
            sys.exit(f"METRICS_PORT: port {port} can't be listened on: {os.strerror(error.errno or 0)}.")
        self._ending, self._end = socket.socketpair()
        self._thread = threading.Thread(target=self._serve, name="metrics", daemon=True)
        self._thread.start()

    def leave_to_parent(self) -> None:
        """Let go of the port in a process that was forked; who answers on it is its parent."""
        self._server.socket.close()

    def close(self) -> None:
        """Stop, and free the port."""
        self._end.sendall(b".")
        self._thread.join()
        for connection in (self._end, self._ending):
            connection.close()
        self._server.server_close()

    def _serve(self) -> None:
        # The library's own loop would wake up ten times a second to see whether it is to end.
        with selectors.DefaultSelector() as selector:
            selector.register(self._server, selectors.EVENT_READ)
            selector.register(self._ending, selectors.EVENT_READ)
            while self._ending not in [key.fileobj for key, _ in selector.select()]:
                self._server.handle_request()


class _Handler(WSGIRequestHandler):
    # Whoever connects and says nothing keeps a thread for this long.
    timeout = 5

    @override
    def log_message(self, format: str, *args: Any) -> None:
        """Scrapes are nothing to tell of."""
