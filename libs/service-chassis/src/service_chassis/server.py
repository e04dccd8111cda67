"""Serves an application with uvicorn, with the limits that the rest of the system counts on."""

import gc
import signal
import socket
import sys
from contextlib import AbstractContextManager, closing, nullcontext, suppress
from pathlib import Path
from typing import Any

import uvicorn
from typing_extensions import override

from service_chassis.ending import tell_that_the_end_has_begun
from service_chassis.metrics import Exposition
from service_chassis.metrics_server import MetricsServer
from service_chassis.whole_answers import WholeAnswersProtocol

SERVER_OPTIONS: dict[str, Any] = {
    "loop": "auto",
    "http": WholeAnswersProtocol,
    "ws": "none",
    "log_config": None,
    "access_log": False,
    "server_header": False,
    # Forwarded headers are for the application to judge: only it knows which proxies are its own.
    "proxy_headers": False,
    # A request that a client sends before it has the answer to another one must not be of that one's trace.
    "reset_contextvars": True,
    # Longer than the idle time of the proxies in front, else they reuse a connection that was just closed.
    "timeout_keep_alive": 75,
    "timeout_graceful_shutdown": 10,
}
"""The same wherever an application is served, in tests too."""


class Server(uvicorn.Server):
    """Tells the application that the end has begun before it waits for the requests under way.

    With a port for them given, the process's metrics are served for as long as it runs, the wait included.
    """

    def __init__(
        self, config: uvicorn.Config, *, metrics_port: int | None = None, has_process_to_itself: bool = False
    ) -> None:
        super().__init__(config)
        self._metrics_port = metrics_port
        self._has_process_to_itself = has_process_to_itself

    @override
    def run(self, sockets: list[socket.socket] | None = None) -> None:
        with self._metrics():
            super().run(sockets)

    def _metrics(self) -> AbstractContextManager[object]:
        if self._metrics_port is None:
            return nullcontext()
        return closing(MetricsServer(Exposition(), host=self.config.host, port=self._metrics_port))

    @override
    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self._has_process_to_itself:
            # What is there by now stays. Looking through all of it for garbage would halt every request for 100 ms,
            # every second or two.
            gc.freeze()
            gc.enable()

    @override
    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        tell_that_the_end_has_begun(self.config.loaded_app)
        await super().shutdown(sockets)


def serve(
    application: str, *, host: str, port: int, metrics_port: int, reload_directories: list[Path] | None = None
) -> None:
    """Run until a signal ends it; with directories given, restart when a file in one of them changes."""
    # When everything is shut down, uvicorn raises the signal again: having been asked to end is no failure.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    config = uvicorn.Config(
        application,
        factory=True,
        host=host,
        port=port,
        reload=reload_directories is not None,
        reload_dirs=[str(directory) for directory in reload_directories or []],
        **SERVER_OPTIONS,
    )
    server = Server(config, metrics_port=metrics_port, has_process_to_itself=True)
    with suppress(KeyboardInterrupt):
        if config.should_reload:
            from uvicorn.supervisors.watchfilesreload import WatchFilesReload

            WatchFilesReload(config, target=server.run, sockets=[config.bind_socket()]).run()
        else:
            server.run()
