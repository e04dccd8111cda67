"""The port that metrics are on, and what it says."""

import socket
import time
from collections.abc import Iterator
from contextlib import closing

import httpx
import pytest
from prometheus_client import CollectorRegistry, Counter, Gauge

from local_stack.ports import free_port
from service_chassis.metrics import UNKNOWN, Exposition, Gauges
from service_chassis.metrics_server import MetricsServer
from service_chassis.testing.servers import LOOPBACK

OPENMETRICS = "application/openmetrics-text; version=1.0.0"


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


@pytest.fixture
def url(registry: CollectorRegistry) -> Iterator[str]:
    port = free_port()
    with closing(MetricsServer(Exposition(registry), host=LOOPBACK, port=port)):
        yield f"http://{LOOPBACK}:{port}/metrics"


def test_metrics_are_served_in_the_form_that_prometheus_has_always_read(url: str, registry: CollectorRegistry) -> None:
    Counter("bells", "Rung.", registry=registry).inc(3)

    answer = httpx.get(url)

    assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    assert "bells_total 3.0" in answer.text.splitlines()
    assert "created" not in answer.text


def test_whoever_asks_for_openmetrics_gets_it_with_exemplars(url: str, registry: CollectorRegistry) -> None:
    Counter("bells", "Rung.", registry=registry).inc(exemplar={"trace_id": "4711"})

    answer = httpx.get(url, headers={"Accept": OPENMETRICS})

    assert answer.headers["Content-Type"].startswith("application/openmetrics-text")
    assert '# {trace_id="4711"}' in answer.text
    assert answer.text.endswith("# EOF\n")


def test_gauges_are_read_when_somebody_asks(url: str, registry: CollectorRegistry) -> None:
    bicycles: list[str] = []
    gauge = Gauge("bicycles", "In the shed.", registry=registry)
    gauges = Gauges(lambda: gauge.set(len(bicycles)))
    gauges.start()

    bicycles.append("tandem")
    while_running = httpx.get(url).text
    gauges.close()
    bicycles.clear()
    afterwards = httpx.get(url).text

    assert "bicycles 1.0" in while_running
    assert "bicycles 1.0" in afterwards


def test_what_nobody_knows_is_left_out(url: str, registry: CollectorRegistry) -> None:
    gauge = Gauge("bicycles", "In the shed.", ["place"], registry=registry)
    gauge.labels("shed").set(UNKNOWN)
    gauge.labels("road").set(2)

    samples = [line for line in httpx.get(url).text.splitlines() if not line.startswith("#")]

    assert samples == ['bicycles{place="road"} 2.0']


async def test_metrics_are_served_while_the_event_loop_is_blocked(url: str) -> None:
    def block_the_loop_until_answered() -> httpx.Response:
        return httpx.get(url)

    assert block_the_loop_until_answered().status_code == 200


def test_a_client_that_says_nothing_keeps_nobody_waiting(url: str) -> None:
    port = httpx.URL(url).port
    assert port is not None
    with socket.create_connection((LOOPBACK, port)):
        assert httpx.get(url).status_code == 200


def test_the_port_is_free_again_at_once(registry: CollectorRegistry) -> None:
    port = free_port()
    for _ in range(2):
        began = time.monotonic()
        with closing(MetricsServer(Exposition(registry), host=LOOPBACK, port=port)):
            assert httpx.get(f"http://{LOOPBACK}:{port}").status_code == 200
        assert time.monotonic() - began < 5

    with pytest.raises(httpx.ConnectError):
        httpx.get(f"http://{LOOPBACK}:{port}")


def test_a_port_that_is_taken_is_one_sentence(registry: CollectorRegistry) -> None:
    with socket.create_server((LOOPBACK, 0)) as taken:
        port = taken.getsockname()[1]
        refusal = f"METRICS_PORT: port {port} can't be listened on: Address already in use."

        with pytest.raises(SystemExit, match=refusal):
            MetricsServer(Exposition(registry), host=LOOPBACK, port=port)


@pytest.mark.skipif(not socket.has_dualstack_ipv6(), reason="this machine has no IPv6")
def test_metrics_are_served_over_ipv6_where_the_service_is(registry: CollectorRegistry) -> None:
    port = free_port()
    with closing(MetricsServer(Exposition(registry), host="::", port=port)):
        assert httpx.get(f"http://{LOOPBACK}:{port}").status_code == 200
