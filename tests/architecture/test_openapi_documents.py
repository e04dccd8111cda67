"""Each service's openapi.json is what the service publishes, so that a review sees what changes for clients."""

import json
from importlib import import_module
from pathlib import Path

import pytest

from service_chassis.testing.commands import run_command


@pytest.mark.parametrize("service", ["auth-service", "items-service"])
def test_the_openapi_document_is_what_make_openapi_writes(repository: Path, service: str) -> None:
    commands = import_module(f"{service.replace('-', '_')}.commands")

    printed = run_command(commands.main, "openapi", environment={})

    assert printed.exit_code == 0, printed.errors
    document = repository / service / "openapi.json"
    assert json.loads(document.read_text()) == json.loads(printed.output), (
        f"{service}/openapi.json is stale: make openapi"
    )
