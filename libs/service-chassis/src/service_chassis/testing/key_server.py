"""Publishes a key set on a real socket, as auth-service does."""

from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Self


class KeyServer:
    """Answers every GET with the document it holds; `document` and `status` may be replaced while it runs."""

    def __init__(self, document: bytes, *, status: int = 200) -> None:
        self.document = document
        self.status = status
        self.requests = 0
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._thread = Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})

    @property
    def url(self) -> str:
        """The base URL, without a path."""
        return f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        """Begin to answer."""
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop, and close the socket."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        key_server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                key_server.requests += 1
                self.send_response(key_server.status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(key_server.document)))
                self.end_headers()
                self.wfile.write(key_server.document)

            def log_message(self, *_: object) -> None:
                """Keep the test's output clean."""

        return Handler
