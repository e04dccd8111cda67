"""What a process makes at its start is not looked through for garbage."""

import gc
from collections.abc import Iterator

import pytest

from service_chassis.garbage import made_to_stay


@pytest.fixture(autouse=True)
def _looked_through_again() -> Iterator[None]:
    yield
    gc.unfreeze()


def test_nobody_looks_for_garbage_while_something_is_made_to_stay() -> None:
    with made_to_stay():
        assert not gc.isenabled()

    assert gc.isenabled()


def test_what_was_made_to_stay_is_left_out_from_then_on() -> None:
    with made_to_stay():
        made = [object() for _ in range(10)]

    assert gc.get_freeze_count() > 0
    assert not any(each is made for each in gc.get_objects())


def test_what_fails_to_be_made_leaves_looking_for_garbage_as_it_was() -> None:
    with pytest.raises(ImportError), made_to_stay():
        raise ImportError

    assert gc.isenabled()
