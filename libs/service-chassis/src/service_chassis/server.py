"""Serves an application with uvicorn, with the limits that the rest of the system counts on."""

from pathlib import Path

import uvicorn

# Longer than the idle time of the proxies in front, else they reuse a connection that was just closed.
KEEP_ALIVE_SECONDS = 75
GRACEFUL_SHUTDOWN_SECONDS = 10


def serve(application: str, *, host: str, port: int, reload_directories: list[Path] | None = None) -> None:
    """Run until a signal ends it; with directories given, restart when a file in one of them changes."""
    uvicorn.run(
        application,
        factory=True,
        host=host,
        port=port,
        loop="auto",
        http="httptools",
        ws="none",
        log_config=None,
        access_log=False,
        server_header=False,
        # Forwarded headers are for the application to judge: only it knows which proxies are its own.
        proxy_headers=False,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=GRACEFUL_SHUTDOWN_SECONDS,
        reload=reload_directories is not None,
        reload_dirs=[str(directory) for directory in reload_directories or []],
    )
