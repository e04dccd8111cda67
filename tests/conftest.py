"""The running pair: both services as real processes behind the real gateway, or the one at TANDEM_URL."""

import os
from collections.abc import Iterator
from typing import NoReturn

import httpx
import pytest

from local_stack.pair_settings import PairSettings
from local_stack.ports import free_port
from local_stack.running_pair import RunningPair, running_pair
from service_chassis.certificates import trusted_certificates
from service_chassis.testing.collector import Collector, collecting
from service_chassis.testing.mailbox import ThreadedMailbox, mailbox_in_a_thread


class DeployedPair(RunningPair):
    """A pair that somebody else started: a test that needs more of it than its address is skipped."""

    def __init__(self, base_url: str) -> None:  # there is no process to know of
        self.base_url = base_url.rstrip("/")
        if "TANDEM_SUPERUSER_PASSWORD" in os.environ:
            self.superuser_email = os.environ.get("TANDEM_SUPERUSER_EMAIL", "admin@example.com")
            self.superuser_password = os.environ["TANDEM_SUPERUSER_PASSWORD"]

    def __getattr__(self, name: str) -> NoReturn:
        if name.startswith("superuser"):
            pytest.skip("needs a superuser: TANDEM_SUPERUSER_EMAIL and TANDEM_SUPERUSER_PASSWORD")
        pytest.skip(f"needs a pair on this machine ({name.strip('_')}), and TANDEM_URL leads elsewhere")


@pytest.fixture(scope="session")
def collector() -> Iterator[Collector]:
    """Give the collector that the pair hands spans over to."""
    _skip_where_the_pair_is_not_ours()
    with collecting() as collector:
        yield collector


@pytest.fixture(scope="session")
def mailbox() -> Iterator[ThreadedMailbox]:
    """Give the mail server that the pair hands mail over to."""
    _skip_where_the_pair_is_not_ours()
    with mailbox_in_a_thread() as mailbox:
        yield mailbox


@pytest.fixture(scope="session")
def pair(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Iterator[RunningPair]:
    if "TANDEM_URL" in os.environ:
        yield DeployedPair(os.environ["TANDEM_URL"])
        return
    collector: Collector = request.getfixturevalue("collector")
    mailbox: ThreadedMailbox = request.getfixturevalue("mailbox")
    directory = tmp_path_factory.mktemp("pair")
    environment = {
        **os.environ,
        "LOG_LEVEL": "DEBUG",
        "SMTP_URL": mailbox.url,
        "OTEL_EXPORTER_OTLP_ENDPOINT": collector.http_endpoint,
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
    with httpx.Client(base_url=pair.base_url, timeout=10, verify=trusted_certificates(pair.base_url)) as client:
        yield client


def _skip_where_the_pair_is_not_ours() -> None:
    if "TANDEM_URL" in os.environ:
        pytest.skip("needs a pair on this machine, and TANDEM_URL leads elsewhere")
