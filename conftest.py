"""Shares the tests out among workers: file by file, but all tests of the running pair to one, so it starts once."""

import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

TESTS_OF_THE_PAIR = (
    "tests/contract/",
    "tests/e2e/",
    "tests/observability/test_prometheus.py",
    "tests/reliability/test_running_pair.py",
)


class PairOnOneWorker(LoadScopeScheduling):  # type: ignore[misc]  # pytest-xdist ships no types
    """Keeps a file's tests together; `--dist=loadgroup` would say it with marks, but is ignored by pytest 9.2."""

    def _split_scope(self, nodeid: str) -> str:
        return "pair" if nodeid.startswith(TESTS_OF_THE_PAIR) else nodeid.partition("::")[0]


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> LoadScopeScheduling:
    """Give the workers their tests."""
    return PairOnOneWorker(config, log)
