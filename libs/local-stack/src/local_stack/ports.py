"""Ports on the loopback interface."""

import contextlib
import os
import secrets
import socket
import time

from local_stack.errors import LocalStackError

LOOPBACK = "127.0.0.1"
HIGHEST_PORT = 65535
# Linux gives ports from 32768 on to whoever asks for any, and macOS from 49152 on.
_GIVEN_BY_NAME_ONLY = range(20_000, 32_768)


def free_port() -> int:
    """Return a port of 127.0.0.1 on which nothing listens right now, and which nobody gets who asks for any."""
    # Else another test's server might have it meanwhile and answer whatever it is asked: whom the port is for would
    # seem to be ready, and could not listen.
    while True:
        port = secrets.choice(_GIVEN_BY_NAME_ONLY)
        with contextlib.suppress(OSError), socket.socket() as listener:
            listener.bind((LOOPBACK, port))
            return port


def parse_port(text: str) -> int:
    """Read the number of a port from the environment."""
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= HIGHEST_PORT):
        raise LocalStackError(f"PORT has to be a number from 1 to {HIGHEST_PORT}, and it is {text!r}.")
    return int(text)


def ensure_port_is_free(port: int, *, patience_seconds: float = 1.5) -> None:
    """Return when a gateway could listen on that port.

    Raises:
        LocalStackError: when something else listens there, or this user may not.
    """
    # Patience, because the gateway of a run that was killed a moment ago is just about to stop.
    deadline = time.monotonic() + patience_seconds
    while _something_answers(port):
        if time.monotonic() > deadline:
            raise _taken(port)
        time.sleep(0.1)
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((LOOPBACK, port))
        except PermissionError as error:
            raise LocalStackError(f"Port {port} can't be opened: {os.strerror(error.errno or 0)}.") from None
        except OSError:
            raise _taken(port) from None


def _something_answers(port: int) -> bool:
    # "localhost" means ::1 to many clients, so whoever listens there would get the requests meant for the gateway.
    for family, address in ((socket.AF_INET, LOOPBACK), (socket.AF_INET6, "::1")):
        try:
            with socket.socket(family) as client:
                client.settimeout(1)
                client.connect((address, port))
        except OSError:
            continue
        return True
    return False


def _taken(port: int) -> LocalStackError:
    other = port % 60000 + 1
    return LocalStackError(
        f"Port {port} is taken: stop what listens there, or choose another: `PORT={other} make run`."
    )
