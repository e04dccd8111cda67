"""The running pair: both services as real processes on real sockets behind the real gateway."""

import os
from collections.abc import Iterator

import httpx
import pytest

from local_stack.pair_settings import PairSettings
from local_stack.ports import free_port
from local_stack.running_pair import RunningPair, running_pair
from service_chassis.testing.collector import Collector, collecting
from service_chassis.testing.mailbox import ThreadedMailbox, mailbox_in_a_thread


@pytest.fixture(scope="session")
def collector() -> Iterator[Collector]:
    """Give the collector that the pair hands spans over to."""
    with collecting() as collector:
        yield collector


@pytest.fixture(scope="session")
def mailbox() -> Iterator[ThreadedMailbox]:
    """Give the mail server that the pair hands mail over to."""
    with mailbox_in_a_thread() as mailbox:
        yield mailbox


@pytest.fixture(scope="session")
def pair(
    tmp_path_factory: pytest.TempPathFactory, collector: Collector, mailbox: ThreadedMailbox
) -> Iterator[RunningPair]:
    directory = tmp_path_factory.mktemp("pair")
    # Each service's own tests measure its coverage; measured again here, every request would take twice as long.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_")}
    environment |= {
        "LOG_LEVEL": "DEBUG",
        "SMTP_URL": mailbox.url,
        "OTEL_EXPORTER_OTLP_ENDPOINT": collector.grpc_endpoint,
        # Only what a test asks for by a `traceparent` of its own is recorded.
        "OTEL_TRACES_SAMPLER_ARG": "0",
    }
    settings = PairSettings(
        port=free_port(), working_directory=directory, environment=environment, durable=False, demo_items=True
    )
    with running_pair(settings, state_directory=directory / "state") as pair:
        yield pair


@pytest.fixture
def client(pair: RunningPair) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=pair.base_url, timeout=10) as client:
        yield client
