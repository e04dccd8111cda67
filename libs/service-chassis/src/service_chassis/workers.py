"""Several processes behind one port: gunicorn keeps them, and each serves as a single one would."""

import asyncio
import gc
import signal
import sys
from pathlib import Path
from typing import Any

from gunicorn.app.base import BaseApplication
from gunicorn.arbiter import Arbiter
from gunicorn.glogging import Logger
from prometheus_client import PlatformCollector
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead
from typing_extensions import override
from uvicorn.importer import import_from_string
from uvicorn_worker import UvicornWorker

from service_chassis.background import BackgroundLoop
from service_chassis.metrics import Exposition, read_gauges
from service_chassis.metrics_server import MetricsServer
from service_chassis.process_metrics import ProcessesCollector
from service_chassis.server import SERVER_OPTIONS, Server

# What a worker may take beyond the time for its requests, to close its connections.
_CLOSING_SECONDS = 5
_WRITE_GAUGES_EVERY_SECONDS = 1.0


def serve_with_workers(
    application: str, *, host: str, port: int, metrics_port: int, worker_count: int, metrics_directory: Path
) -> None:
    """Run until a signal ends it, with so many processes; one that dies is replaced."""
    metrics: MetricsServer
    options = {
        "bind": f"[{host}]:{port}" if ":" in host else f"{host}:{port}",
        "workers": worker_count,
        "worker_class": Worker,
        "logger_class": _Logger,
        "graceful_timeout": SERVER_OPTIONS["timeout_graceful_shutdown"] + _CLOSING_SECONDS,
        "child_exit": lambda _, worker: mark_process_dead(worker.pid, str(metrics_directory)),  # type: ignore[no-untyped-call]  # it has no types
        "post_fork": lambda _, __: metrics.leave_to_parent(),
        # Nobody manages a running container through a socket; signals do.
        "control_socket_disable": True,
    }
    arbiter = Arbiter(_Application(application, options))
    counted = MultiProcessCollector(None, str(metrics_directory))  # type: ignore[no-untyped-call]  # as above
    processes = ProcessesCollector(lambda: [*arbiter.WORKERS])
    exposition = Exposition(counted, processes, PlatformCollector(registry=None))
    metrics = MetricsServer(exposition, host=host, port=metrics_port)
    arbiter.run()


class Worker(UvicornWorker):
    """One of the processes: the same server with the same options as a single one."""

    CONFIG_KWARGS = SERVER_OPTIONS

    @override
    def init_process(self) -> None:
        # What it makes stays, until its server is ready and looks for garbage again.
        gc.disable()
        super().init_process()

    @override
    def init_signals(self) -> None:
        super().init_signals()
        # When everything is shut down, uvicorn raises the signal again: having been asked to end is no failure.
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: sys.exit(0))

    @override
    async def _serve(self) -> None:
        self.config.app = self.wsgi
        server = Server(self.config, has_process_to_itself=True)
        asyncio.get_running_loop().add_signal_handler(signal.SIGQUIT, server.handle_exit, signal.SIGTERM, None)
        gauges = BackgroundLoop(_write_gauges, name="write gauges")
        gauges.start()
        await server.serve(sockets=self.sockets)
        await gauges.close()
        if not server.started:
            sys.exit(Arbiter.WORKER_BOOT_ERROR)


async def _write_gauges() -> float:
    """Write what is so now where the main process finds it, since nobody asks a worker."""
    read_gauges()
    return _WRITE_GAUGES_EVERY_SECONDS


class _Application(BaseApplication):
    """Tells gunicorn what to serve; nothing else configures it."""

    def __init__(self, application: str, options: dict[str, Any]) -> None:
        self._application = application
        self._options = options
        super().__init__()

    @override
    def load_config(self) -> None:
        for name, value in self._options.items():
            self.cfg.set(name, value)

    @override
    def load(self) -> Any:
        return import_from_string(self._application)()


class _Logger(Logger):
    """Hands gunicorn's lines on to the root logger, and with that to our formatter."""

    @override
    def setup(self, cfg: Any) -> None:
        self.cfg = cfg
        self.error_log.propagate = True
