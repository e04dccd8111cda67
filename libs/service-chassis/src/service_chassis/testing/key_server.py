"""Publishes a key set on a real socket, as auth-service does."""

import contextlib
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread
from typing import Self


class KeyServer:
    """Answers every GET with the document it holds; what and how it answers may be replaced while it runs."""

    def __init__(self, document: bytes) -> None:
        self.document = document
        self.status = 200
        self.headers: dict[str, str] = {}
        self.seconds_between_bytes = 0.0
        self.may_answer = Event()
        self.may_answer.set()
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
        self.may_answer.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def _answer(self, request: BaseHTTPRequestHandler) -> None:
        request.send_response(self.status)
        for name, value in {"Content-Type": "application/json", **self.headers}.items():
            request.send_header(name, value)
        request.send_header("Content-Length", str(len(self.document)))
        request.end_headers()
        if not self.seconds_between_bytes:
            request.wfile.write(self.document)
            return
        for byte in self.document:
            request.wfile.write(bytes([byte]))
            time.sleep(self.seconds_between_bytes)

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        key_server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                key_server.requests += 1
                key_server.may_answer.wait()
                # Whoever asked may be gone by then.
                with contextlib.suppress(ConnectionError):
                    key_server._answer(self)

            def log_message(self, *_: object) -> None:
                """Keep the test's output clean."""

        return Handler
