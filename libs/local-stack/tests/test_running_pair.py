import json
import os
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from local_stack.conversation import talk_as_a_client
from local_stack.errors import LocalStackError
from local_stack.pair_settings import PairSettings
from local_stack.ports import free_port
from local_stack.running_pair import RunningPair, running_pair
from local_stack.services import AUTH, ITEMS


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningPair]:
    directory = tmp_path_factory.mktemp("pair")
    # The services have tests of their own, and measuring coverage triples the time in which they start.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_")}
    settings = PairSettings(port=free_port(), working_directory=directory, environment=environment, durable=False)
    with running_pair(settings, state_directory=directory / "state") as pair:
        yield pair


@pytest.fixture
def client() -> Iterator[httpx.Client]:
    with httpx.Client(trust_env=False, timeout=10) as client:
        yield client


def test_each_service_answers_on_its_own_port(pair: RunningPair, client: httpx.Client) -> None:
    assert client.get(f"{pair.auth_url}/health/ready").is_success
    assert client.get(f"{pair.items_url}/health/ready").is_success


def test_each_service_has_its_own_database(pair: RunningPair) -> None:
    assert pair.auth_database_url.endswith("/auth")
    assert pair.items_database_url.endswith("/items")


def test_a_prometheus_finds_the_metrics_of_each_service(pair: RunningPair, client: httpx.Client) -> None:
    targets = json.loads((pair.state_directory / "prometheus-targets.json").read_bytes())

    assert [target["labels"] for target in targets] == [
        {"job": "auth-service", "namespace": "local"},
        {"job": "items-service", "namespace": "local"},
    ]
    for target in targets:
        [address] = target["targets"]
        assert f'service="{target["labels"]["job"]}"' in client.get(f"http://{address}/metrics").text


def test_a_stopped_service_comes_back_on_the_same_address(pair: RunningPair, client: httpx.Client) -> None:
    items = f"{pair.base_url}/api/v1/items"

    pair.stop(ITEMS)

    assert client.get(items).status_code == 502
    pair.start(ITEMS)
    assert client.get(items).status_code == 401


def test_a_killed_service_comes_back_as_another_process(pair: RunningPair, client: httpx.Client) -> None:
    before = pair.process_id(AUTH)

    pair.kill(AUTH)
    pair.start(AUTH)

    assert pair.process_id(AUTH) != before
    assert client.get(f"{pair.base_url}/.well-known/jwks.json").is_success


async def test_a_client_with_another_password_is_told_apart(pair: RunningPair) -> None:
    assert not await talk_as_a_client(pair.base_url, email=pair.superuser_email, password="another one", new_items=())


async def test_a_service_that_is_away_is_one_sentence(pair: RunningPair) -> None:
    pair.stop(ITEMS)
    try:
        with pytest.raises(LocalStackError, match=r"does not work: .*/api/v1/items answered 502"):
            await talk_as_a_client(
                pair.base_url, email=pair.superuser_email, password=pair.superuser_password, new_items=()
            )
    finally:
        pair.start(ITEMS)


def test_a_service_that_refuses_its_settings_is_one_sentence(tmp_path: Path) -> None:
    environment = {**os.environ, "ITEMS_LOG_LEVEL": "loud"}
    settings = PairSettings(port=free_port(), working_directory=tmp_path, environment=environment, durable=False)

    with (
        pytest.raises(LocalStackError, match=r"items-service migrate failed: .*LOG_LEVEL"),
        running_pair(settings, state_directory=tmp_path / "state"),
    ):
        pass
