"""Lines on pictures."""

import math

from observability.pictures.lines import STEP_SECONDS, Line


def test_a_line_has_a_hole_where_samples_are_missing() -> None:
    line = Line("requests", times=[0, STEP_SECONDS, 5 * STEP_SECONDS], values=[1, 2, 3])

    times, values = line.with_gaps()

    assert times == [0, STEP_SECONDS, 5 * STEP_SECONDS, 5 * STEP_SECONDS]
    assert values[:2] + values[3:] == [1, 2, 3]
    assert math.isnan(values[2])
