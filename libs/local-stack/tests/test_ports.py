import socket
import threading

import pytest

from local_stack.errors import LocalStackError
from local_stack.ports import LOOPBACK, ensure_port_is_free, free_port, parse_port


@pytest.mark.parametrize("text", ["", "0", "65536", "-1", "80a", "8 080", "٨٠", "8080.0"])
def test_what_is_no_port_is_refused_in_one_sentence(text: str) -> None:
    with pytest.raises(LocalStackError, match="PORT has to be a number from 1 to 65535"):
        parse_port(text)


def test_a_port_is_read() -> None:
    assert parse_port("9090") == 9090


def test_a_free_port_is_free() -> None:
    ensure_port_is_free(free_port())


def test_a_free_port_is_none_that_is_given_to_whoever_asks_for_any() -> None:
    with socket.create_server((LOOPBACK, 0)) as anybody:
        lowest_given_to_anybody = 32_768
        assert anybody.getsockname()[1] >= lowest_given_to_anybody > max(free_port() for _ in range(100))


@pytest.mark.parametrize(
    ("family", "address"), [(socket.AF_INET, LOOPBACK), (socket.AF_INET, ""), (socket.AF_INET6, "::1")]
)
def test_a_taken_port_is_refused_with_what_to_do(family: socket.AddressFamily, address: str) -> None:
    with socket.socket(family) as listener:
        listener.bind((address, 0))
        listener.listen()
        port = listener.getsockname()[1]

        with pytest.raises(LocalStackError, match=rf"Port {port} is taken.*PORT=\d+ make run"):
            ensure_port_is_free(port, patience_seconds=0)


def test_a_port_that_is_bound_by_somebody_who_does_not_listen_is_taken() -> None:
    with socket.socket() as other:
        other.bind((LOOPBACK, 0))

        with pytest.raises(LocalStackError, match="is taken"):
            ensure_port_is_free(other.getsockname()[1], patience_seconds=0)


def test_a_port_that_gets_free_in_time_is_waited_for() -> None:
    listener = socket.create_server((LOOPBACK, 0))
    port = listener.getsockname()[1]
    threading.Timer(0.3, listener.close).start()

    ensure_port_is_free(port)
