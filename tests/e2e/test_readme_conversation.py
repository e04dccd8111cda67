"""The conversations that README.md and CONTRIBUTING.md show are pasted, line after line, against the running pair."""

import os
import re
import subprocess
from pathlib import Path
from typing import Protocol
from uuid import uuid4

import pytest

REPOSITORY = Path(__file__).parents[2]
CONVERSATION = re.compile(r"^( *)```sh conversation\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)
DOCUMENTED_URL = "http://localhost:8080"

# An answer that reports an error ends the conversation, as no reader would go on after one.
PRELUDE = 'set -euo pipefail\ncurl() { command curl --fail-with-body --max-time 20 "$@"; }\n'


class Pair(Protocol):
    """What this test asks of the running pair."""

    @property
    def base_url(self) -> str: ...


def conversation(name: str) -> str:
    return "\n".join(block for _, block in CONVERSATION.findall((REPOSITORY / name).read_text()))


def paste(script: str, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["bash"],
        input=PRELUDE + script,
        cwd=folder,
        env=os.environ | {"HOME": str(folder)},
        capture_output=True,
        check=False,
        text=True,
        timeout=90,
    )


@pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md"])
def test_a_conversation_works_when_pasted(pair: Pair, tmp_path: Path, name: str) -> None:
    # Whoever holds it a second time with a pair that keeps its data needs another account.
    script = conversation(name).replace("ada@", f"ada-{uuid4()}@").replace(DOCUMENTED_URL, pair.base_url.rstrip("/"))

    finished = paste(script, tmp_path)

    assert finished.returncode == 0, f"{finished.stdout}\n{finished.stderr}"


def test_the_readme_has_a_conversation() -> None:
    assert DOCUMENTED_URL in conversation("README.md")


@pytest.mark.parametrize("failing", ["curl --silent http://127.0.0.1:9/health", "echo $UNSET_NAME", "false | true"])
def test_a_conversation_that_fails_midway_is_noticed(tmp_path: Path, failing: str) -> None:
    finished = paste(f"{failing}\necho went on\n", tmp_path)

    assert finished.returncode != 0
    assert "went on" not in finished.stdout
