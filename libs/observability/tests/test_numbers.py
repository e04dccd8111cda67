"""Numbers on pictures: in their unit, with three digits that count."""

import pytest

from observability.dashboards.panels import Unit
from observability.pictures.numbers import readable


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (0.0123, Unit.SECONDS, "12.3 ms"),
        (0.00025, Unit.SECONDS, "250 µs"),
        (90, Unit.SECONDS, "1.5 min"),
        (3110400, Unit.SECONDS, "36 d"),
        (0, Unit.SECONDS, "0"),
        (120 * 2**20, Unit.BYTES, "120 MiB"),
        (0.9995, Unit.SHARE, "100 %"),
        (0.001, Unit.SHARE, "0.1 %"),
        (-0.5, Unit.SHARE, "-50 %"),
        (17.66, Unit.REQUESTS_PER_SECOND, "17.7 /s"),
        (10, Unit.NUMBER, "10"),
        (1234, Unit.NUMBER, "1234"),
        (1, Unit.YES_NO, "yes"),
        (0, Unit.YES_NO, "no"),
    ],
)
def test_a_number_is_written_as_people_read_it(value: float, unit: Unit, text: str) -> None:
    assert readable(value, unit) == text
