"""Measures what a test function or a fixture covers when it runs for the first time, and not when it runs again.

That shows hardly a new line, and measured code takes nearly twice as long. What is left out can only make the coverage
look worse than it is. Pythons whose coverage needs no tracer, from 3.14 on, measure everything.
"""

import contextlib
import sys
import threading
from collections.abc import Generator, Iterator
from typing import Any

import pytest

_measured: set[str] = set()


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Run a test, and trace it if no other of the same function was."""
    with _measured_once(item.nodeid.partition("[")[0]), _threads_as_now():
        return (yield)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_fixture_setup(fixturedef: pytest.FixtureDef[object]) -> Generator[None, object, object]:
    """Set a fixture up; threads that it starts outlive it and are traced as the test is."""
    with _measured_once(f"{fixturedef.baseid}::{fixturedef.argname}"):
        return (yield)


@contextlib.contextmanager
def _measured_once(name: str) -> Iterator[None]:
    tracer: Any = sys.gettrace()  # coverage's own
    if tracer is None or name not in _measured:
        _measured.add(name)
        yield
        return
    sys.settrace(None)
    try:
        yield
    finally:
        tracer.start()


@contextlib.contextmanager
def _threads_as_now() -> Iterator[None]:
    """Trace the threads that a block starts only if this one is traced."""
    trace: Any = threading.gettrace()
    if sys.gettrace() is None:
        threading.settrace(None)
    try:
        yield
    finally:
        threading.settrace(trace)
