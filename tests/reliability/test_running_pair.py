"""What a test can do to the running pair, and what it is told."""

import json
import os
from pathlib import Path

import httpx
import pytest

from local_stack.conversation import talk_as_a_client
from local_stack.errors import LocalStackError
from local_stack.pair_settings import PairSettings
from local_stack.ports import LOOPBACK, free_port
from local_stack.running_pair import RunningPair, running_pair
from local_stack.services import AUTH, ITEMS


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


@pytest.mark.resilience
def test_a_stopped_service_comes_back_on_the_same_address(pair: RunningPair, client: httpx.Client) -> None:
    items = f"{pair.base_url}/api/v1/items"

    pair.stop(ITEMS)

    assert client.get(items).status_code == 502
    pair.start(ITEMS)
    assert client.get(items).status_code == 401


@pytest.mark.resilience
def test_a_killed_service_comes_back_as_another_process(pair: RunningPair, client: httpx.Client) -> None:
    before = pair.process_id(AUTH)

    pair.kill(AUTH)
    pair.start(AUTH)

    assert pair.process_id(AUTH) != before
    assert client.get(f"{pair.base_url}/.well-known/jwks.json").is_success


async def test_a_client_with_another_password_is_told_apart(pair: RunningPair) -> None:
    assert not await talk_as_a_client(pair.base_url, email=pair.superuser_email, password="another one", new_items=())


@pytest.mark.resilience
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
    # It says so before it asks for its database, so there need not be one.
    nowhere = f"postgresql://nobody@{LOOPBACK}:{free_port()}/nothing"
    given = {"AUTH_LOG_LEVEL": "loud", "AUTH_DATABASE_URL": nowhere, "ITEMS_DATABASE_URL": nowhere}
    settings = PairSettings(port=free_port(), working_directory=tmp_path, environment={**os.environ, **given})

    with (
        pytest.raises(LocalStackError, match=r"auth-service migrate failed: .*LOG_LEVEL"),
        running_pair(settings, state_directory=tmp_path / "state"),
    ):
        pass
