"""What the benchmark makes of its measurements, and the loads that it sends."""

from pathlib import Path

import pytest
from loadtests.bench.generator import Load, SingleUseLoad
from loadtests.bench.measurement import Comparison, Measured, Ratio
from loadtests.bench.report import as_markdown, draw, ratios_as_markdown


def measured(stack: str, requests_per_second: float) -> Measured:
    return Measured(
        load="GET one item",
        stack=stack,
        requests_per_second=requests_per_second,
        cpu_microseconds=250.0,
        median_milliseconds=1.5,
        p99_milliseconds=9.0,
        resident_megabytes=99.6,
    )


@pytest.mark.parametrize(
    ("ratio", "is_kept"),
    [
        (Ratio(what="speed", measured=0.61, at_least=0.6), True),
        (Ratio(what="speed", measured=0.59, at_least=0.6), False),
        (Ratio(what="growth", measured=1.2, at_most=1.2), True),
        (Ratio(what="growth", measured=1.21, at_most=1.2), False),
    ],
)
def test_a_ratio_is_reached_or_not(ratio: Ratio, *, is_kept: bool) -> None:
    row = ratios_as_markdown([Comparison(ratios=[ratio])]).splitlines()[-1]

    assert ratio.is_kept is is_kept
    assert ("**not reached**" in row) is not is_kept


def test_each_server_stands_beside_the_reference(tmp_path: Path) -> None:
    comparison = Comparison(reference="limit", results=[measured("limit", 8000), measured("tandem", 4000)], ratios=[])

    table = as_markdown("items", comparison)
    draw({"items": comparison}, tmp_path / "results.png")

    assert "| 4,000 | 0.50 | 250 µs | 1.5 ms | 9.0 ms | 100 MB |" in table
    assert (tmp_path / "results.png").read_bytes().startswith(b"\x89PNG")


def test_what_can_be_sent_once_is_sent_once(tmp_path: Path) -> None:
    load = SingleUseLoad(name="refresh", paths=["/"], bodies=["one", "two", "three", "four"], bodies_per_run=2)

    runs = [load.write_script(tmp_path).read_text(encoding="utf-8") for _ in range(2)]

    assert 'bodies = {"one", "two"}' in runs[0]
    assert 'bodies = {"three", "four"}' in runs[1]


def test_what_is_sent_again_and_again_is_all_sent_in_each_run(tmp_path: Path) -> None:
    load = Load(name="GET/POST", paths=["/"], bodies=['{"title":"Two \\"seats\\""}'], token="secret")

    script = load.write_script(tmp_path)

    assert script.parent == tmp_path
    assert r'bodies = {"{\"title\":\"Two \\\"seats\\\"\"}"}' in script.read_text(encoding="utf-8")
    assert '["Authorization"] = "Bearer secret"' in script.read_text(encoding="utf-8")
