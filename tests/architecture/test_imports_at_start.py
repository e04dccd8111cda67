"""A process that serves imports what it needs, since a second of imports is a second without the replica."""

import json
import subprocess
import sys

PROGRAM = """
import json, sys
import auth_service.commands, auth_service.main, items_service.commands, items_service.main, service_chassis.server
print(json.dumps(sorted({name.partition(".")[0] for name in sys.modules})))
"""
# Each belongs to a command or setting, and is imported where that asks for it.
UNASKED = {"alembic", "grpc", "gunicorn", "mako", "redis", "requests"}
DEVELOPMENT = {"local_stack", "matplotlib", "observability", "pytest", "yaml"}


def test_what_no_setting_asked_for_is_not_imported() -> None:
    finished = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, check=True)

    imported = set(json.loads(finished.stdout))
    assert imported & (UNASKED | DEVELOPMENT) == set()
    assert {"fastapi", "sqlalchemy"} <= imported
