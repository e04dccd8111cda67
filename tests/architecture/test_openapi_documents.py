"""Each service's openapi.json is what the service publishes, so that a review sees what changes for clients."""

import json
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.parametrize("service", ["auth-service", "items-service"])
def test_the_openapi_document_is_what_make_openapi_writes(
    repository: Path, environment: dict[str, str], tmp_path: Path, service: str
) -> None:
    command = [sys.executable, "-m", service.replace("-", "_"), "openapi"]

    printed = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, check=False, text=True)

    assert printed.returncode == 0, printed.stderr
    document = repository / service / "openapi.json"
    assert json.loads(document.read_text()) == json.loads(printed.stdout), (
        f"{service}/openapi.json is stale: make openapi"
    )
