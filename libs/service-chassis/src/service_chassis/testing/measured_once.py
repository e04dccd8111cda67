"""Measures what a test function or a fixture covers when it runs for the first time, and not when it runs again.

That shows hardly a new line, and measured code takes nearly twice as long. What is left out can only make the coverage
look worse than it is. Tests of more than one part are not measured at all, since each part has tests of its own; what
they start together is. Pythons whose coverage needs no tracer, from 3.14 on, measure everything.
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
# How coverage traces this thread and those that begin, while a test runs that is not measured.
_paused: list[tuple[Any, Any]] = []


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Run a test; trace it, its threads and its processes if no other of the same function was."""
    function = item.nodeid.partition("[")[0]
    is_new = function not in _measured and not function.startswith(UNMEASURED)
    _measured.add(function)
    if is_new or sys.gettrace() is None:
        return (yield)
    with _nothing_that_begins_is_measured():
        return (yield)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_fixture_setup(fixturedef: pytest.FixtureDef[object]) -> Generator[None, object, object]:
    """Set a fixture up; threads that it starts outlive it and are traced as the test is.

    What a whole session shares is measured whichever test asks for it first.
    """
    name = f"{fixturedef.baseid}::{fixturedef.argname}"
    is_new = name not in _measured
    _measured.add(name)
    traced = sys.gettrace() is not None
    if is_new and _paused and not traced and fixturedef.scope == "session":
        with _measured_again():
            return (yield)
    if is_new or not traced:
        return (yield)
    with _unmeasured():
        return (yield)


@pytest.fixture
def unmeasured_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Start processes without coverage, which triples the time that they take to start."""
    monkeypatch.delenv(COVERAGE_OF_PROCESSES, raising=False)


@contextlib.contextmanager
def _unmeasured() -> Iterator[None]:
    tracer: Any = sys.gettrace()  # coverage's own
    sys.settrace(None)
    try:
        yield
    finally:
        tracer.start()


@contextlib.contextmanager
def _nothing_that_begins_is_measured() -> Iterator[None]:
    trace: Any = threading.gettrace()
    _paused.append((sys.gettrace(), trace))
    threading.settrace(None)
    try:
        with _unmeasured(), pytest.MonkeyPatch.context() as environment:
            environment.delenv(COVERAGE_OF_PROCESSES, raising=False)
            yield
    finally:
        threading.settrace(trace)
        _paused.pop()


@contextlib.contextmanager
def _measured_again() -> Iterator[None]:
    tracer, trace = _paused[-1]
    threading.settrace(trace)
    tracer.start()
    try:
        yield
    finally:
        sys.settrace(None)
        threading.settrace(None)
