"""A process that serves imports what it needs, since a second of imports is a second without the replica."""

import json
import subprocess
import sys

import pytest

PROGRAM = """
import json, sys
from importlib import import_module
from service_chassis.framework import import_framework
service = sys.argv[1]
import_module(f"{service}.commands")
import_framework()
import_module("service_chassis.server")
import_module(f"{service}.main")
print(json.dumps(sorted({name.partition(".")[0] for name in sys.modules})))
"""
# Each belongs to a command or setting, and is imported where that asks for it.
UNASKED = {"alembic", "grpc", "gunicorn", "mako", "redis", "requests", "watchfiles"}
DEVELOPMENT = {"local_stack", "matplotlib", "observability", "pytest", "yaml"}


@pytest.mark.parametrize(("service", "asks_nobody"), [("auth_service", {"httpx"}), ("items_service", set())])
def test_what_no_setting_asked_for_is_not_imported(service: str, asks_nobody: set[str]) -> None:
    finished = subprocess.run([sys.executable, "-c", PROGRAM, service], capture_output=True, check=True)

    imported = set(json.loads(finished.stdout))
    assert imported & (UNASKED | DEVELOPMENT | asks_nobody) == set()
    assert {"fastapi", "sqlalchemy", "uvicorn"} <= imported
