"""The search for capacity: it ends near the highest rate that is kept, and judges by the objectives."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from loadtests.bench.generator import Load
from loadtests.capacity.attack import attack
from loadtests.capacity.endpoints import Endpoint
from loadtests.capacity.measuring import Capacity, Usage
from loadtests.capacity.search import PRECISION, confirmed_rate, highest_rate
from loadtests.capacity.sizing import BEGIN, END, README, keep, replicas, sizing_table

from service_chassis.testing.key_server import KeyServer

GET_ONE = Endpoint(
    service="items-service", load=Load(name="GET one item", paths=["/"]), route="/api/v1/items/{item_id}"
)
needs_vegeta = pytest.mark.skipif(shutil.which("vegeta") is None, reason="needs vegeta")


def bearing(most: float, asked: list[float]) -> Callable[[float], bool]:
    """Give a server that keeps its objectives up to a rate."""

    def keeps(rate: float) -> bool:
        asked.append(rate)
        return rate <= most

    return keeps


@pytest.mark.parametrize("most", [3.0, 99.0, 100.0, 101.0, 5_432.1])
def test_the_rate_that_is_found_is_kept_and_hardly_a_higher_one_is(most: float) -> None:
    asked: list[float] = []

    rate = highest_rate(bearing(most, asked), first=100.0)

    assert most / PRECISION <= rate <= most
    assert len(asked) <= 12


def test_what_bears_nothing_is_not_asked_for_ever() -> None:
    asked: list[float] = []

    rate = highest_rate(bearing(0.0, asked), first=100.0)

    assert rate == 0.0
    assert len(asked) <= 10


def test_a_rate_that_breaks_in_a_longer_run_gives_way_to_a_lower_one() -> None:
    rate = confirmed_rate(bearing(95.0, []), 100.0)

    assert 95.0 / PRECISION <= rate <= 95.0
    assert confirmed_rate(bearing(0.0, []), 100.0) == 0.0


def test_the_sizing_table_says_how_many_replicas_a_rate_needs() -> None:
    usage = Usage(service=0.8, postgres=0.3, generator=0.1)
    capacity = Capacity(endpoint=GET_ONE, requests_per_second=400.0, usage=usage, limited_by="its core")

    table = sizing_table([capacity], rate=1000.0, cores=2)

    assert replicas(capacity, rate=1000.0) == 4
    assert "| GET one item | 400/s | its core | 0.80 | 0.30 | 0.10 | 500 | 4 |" in table


def test_the_table_is_kept_between_its_marks_and_nothing_else_changes(tmp_path: Path) -> None:
    readme = tmp_path / "README.md"
    before, _, after = README.read_text(encoding="utf-8").partition(BEGIN)
    readme.write_text(f"{before}{BEGIN}{after}", encoding="utf-8")

    keep("| a table |\n", readme)

    assert readme.read_text(encoding="utf-8") == f"{before}{BEGIN}\n| a table |\n{END}{after.partition(END)[2]}"


@needs_vegeta
def test_answers_in_time_keep_the_objectives(tmp_path: Path) -> None:
    with KeyServer(b"{}") as server:
        run = attack(GET_ONE.load, route=GET_ONE.route, url=server.url, rate=50, seconds=1, directory=tmp_path)

    assert run.breaches == []
    assert run.sent_per_second == pytest.approx(50, rel=0.1)


@needs_vegeta
def test_server_errors_break_an_objective(tmp_path: Path) -> None:
    with KeyServer(b"{}") as server:
        server.status = 503
        run = attack(GET_ONE.load, route=GET_ONE.route, url=server.url, rate=50, seconds=1, directory=tmp_path)

    assert ["items-availability" in breach for breach in run.breaches] == [True]


@needs_vegeta
def test_a_request_that_is_refused_for_what_it_says_ends_the_search(tmp_path: Path) -> None:
    with KeyServer(b"{}") as server:
        server.status = 401
        with pytest.raises(RuntimeError, match="is answered 401"):
            attack(GET_ONE.load, route=GET_ONE.route, url=server.url, rate=50, seconds=1, directory=tmp_path)
