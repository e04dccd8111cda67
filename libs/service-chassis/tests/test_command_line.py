"""The command line of a service as people and containers call it: in a process of its own."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

SERVICE = '''
"""A service that exists in tests only."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import ClassVar

from fastapi import FastAPI

from service_chassis.application import new_application
from service_chassis.settings import ServiceSettings


class Settings(ServiceSettings):
    service_prefix: ClassVar[str] = "TRIAL_"
    project_name: str = "trial-service"


@asynccontextmanager
async def lifespan(_: FastAPI) -> AsyncIterator[None]:
    yield


def create_app(settings: Settings) -> FastAPI:
    return new_application(settings, openapi_path="/trial/openapi.json", lifespan=lifespan)

'''
MAIN = '''
"""The command line of the service."""

from pathlib import Path

from service_chassis.command_line import new_command_line, run
from trial_service.main import Settings

run(new_command_line(Path(__file__).parent, Settings))
'''
INI = """
[alembic]
script_location = %(here)s/migrations
path_separator = os
"""


@pytest.fixture
def service(tmp_path: Path) -> Path:
    """The package of a service, in the folders that a service has."""
    package = tmp_path / "trial-service" / "src" / "trial_service"
    package.mkdir(parents=True)
    (package / "main.py").write_text(SERVICE, encoding="utf-8")
    (package / "__main__.py").write_text(MAIN, encoding="utf-8")
    migrations = tmp_path / "trial-service" / "migrations"
    (migrations / "versions").mkdir(parents=True)
    (migrations / "env.py").write_text('print("migrated")', encoding="utf-8")
    (migrations.parent / "alembic.ini").write_text(INI, encoding="utf-8")
    return package


def call(service: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PYTHONPATH": str(service.parent)} | variables
    command = [sys.executable, "-m", service.name, *arguments]
    return subprocess.run(command, check=False, capture_output=True, text=True, env=environment)


@pytest.mark.parametrize("command", ["serve", "migrate"])
def test_a_wrong_configuration_is_one_line_per_setting(service: Path, command: str) -> None:
    result = call(service, command, TRIAL_SECRET_KEY="hidden", DATABASE_POOL_SIZE="hidden")

    assert (result.returncode, result.stdout) == (1, "")
    assert [line.split(" ")[0] for line in result.stderr.splitlines()] == [
        "DATABASE_URL",
        "DATABASE_POOL_SIZE",
        "SECRET_KEY",
    ]
    assert "hidden" not in result.stderr


def test_migrate_runs_the_services_own_migrations(service: Path) -> None:
    result = call(service, "migrate", ENVIRONMENT="local", DATABASE_URL="postgresql://localhost/trial")

    assert (result.returncode, result.stdout) == (0, "migrated\n")


def test_openapi_needs_no_configuration_and_reads_none(service: Path) -> None:
    result = call(service, "openapi", TRIAL_SECRET_KEY="short", DATABASE_POOL_SIZE="many", PROJECT_NAME="other")

    assert result.returncode == 0
    assert json.loads(result.stdout)["info"]["title"] == "trial-service"
