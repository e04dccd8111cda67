"""The pytest plugin: one PostgreSQL server per run, and fixtures where tests run.

With pytest-xdist the process that starts the workers runs no test, and workers wait until it has read what it reads.
"""

import os
from contextlib import ExitStack
from importlib import import_module

import pytest

from local_stack.postgres import throw_away_postgres

SERVER_URL = "TANDEM_TEST_POSTGRES_URL"
_server = pytest.StashKey[ExitStack]()


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> None:
    """Leave the fixtures' files, and with them both services, to the workers."""
    if early_config.known_args_namespace.numprocesses:
        early_config.known_args_namespace.file_or_dir = [str(early_config.rootpath / "conftest.py")]


def pytest_configure(config: pytest.Config) -> None:
    """Start the server in the process that every worker of the run is a child of."""
    is_worker = hasattr(config, "workerinput")
    if is_worker or not config.option.numprocesses:
        config.pluginmanager.register(import_module("service_chassis.testing.fixtures"))
    if is_worker or config.option.collectonly:
        return
    config.stash[_server] = ExitStack()
    os.environ[SERVER_URL] = config.stash[_server].enter_context(throw_away_postgres()).url("postgres")
    # It speaks no TLS, and for each connection clients would prepare to; nor does anybody else here.
    os.environ["PGSSLMODE"] = "disable"


def pytest_unconfigure(config: pytest.Config) -> None:
    """Stop the server when the last worker is gone."""
    if _server in config.stash:
        config.stash[_server].close()
