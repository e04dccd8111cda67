"""Measures what a test function or a fixture covers when it runs for the first time, and not when it runs again.

That shows hardly a new line, and measured code takes nearly twice as long. What is left out can only make the coverage
look worse than it is. Tests of more than one part are not measured at all, since each part has tests of its own.
Pythons whose coverage needs no tracer, from 3.14 on, measure everything.
"""

import contextlib
import sys
import threading
from collections.abc import Generator, Iterator
from typing import Any

import pytest

# By this, coverage begins in the processes that a test starts.
COVERAGE_OF_PROCESSES = "COVERAGE_PROCESS_CONFIG"
UNMEASURED = ("tests/architecture/", "tests/contract/", "tests/e2e/", "tests/manifests/")
_measured: set[str] = set()


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Run a test; trace it, its threads and its processes if no other of the same function was."""
    function = item.nodeid.partition("[")[0]
    if function.startswith(UNMEASURED):
        _measured.add(function)
    with _measured_once(function) as measured:
        if measured:
            return (yield)
        with _nothing_that_begins_is_measured():
            return (yield)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_fixture_setup(fixturedef: pytest.FixtureDef[object]) -> Generator[None, object, object]:
    """Set a fixture up; threads that it starts outlive it and are traced as the test is."""
    with _measured_once(f"{fixturedef.baseid}::{fixturedef.argname}"):
        return (yield)


@pytest.fixture
def unmeasured_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Start processes without coverage, which triples the time that they take to start."""
    monkeypatch.delenv(COVERAGE_OF_PROCESSES, raising=False)


@contextlib.contextmanager
def _measured_once(name: str) -> Iterator[bool]:
    tracer: Any = sys.gettrace()  # coverage's own
    if tracer is None or name not in _measured:
        _measured.add(name)
        yield True
        return
    sys.settrace(None)
    try:
        yield False
    finally:
        tracer.start()


@contextlib.contextmanager
def _nothing_that_begins_is_measured() -> Iterator[None]:
    trace: Any = threading.gettrace()
    threading.settrace(None)
    try:
        with pytest.MonkeyPatch.context() as environment:
            environment.delenv(COVERAGE_OF_PROCESSES, raising=False)
            yield
    finally:
        threading.settrace(trace)
