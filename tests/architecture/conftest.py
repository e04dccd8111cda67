"""The repository as these tests read it: every file that is tracked, or about to be."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

Finished = subprocess.CompletedProcess[str]


@pytest.fixture(scope="session")
def repository() -> Path:
    return Path(__file__).parents[2]


@pytest.fixture(scope="session")
def texts(repository: Path) -> dict[Path, str]:
    """Every text file by its path within the repository."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=repository,
        capture_output=True,
        check=True,
        text=True,
    )
    paths = [Path(name) for name in listed.stdout.split("\0") if name and (repository / name).is_file()]
    contents = {path: (repository / path).read_bytes() for path in paths}
    return {path: content.decode(errors="replace") for path, content in contents.items() if b"\0" not in content}


@pytest.fixture(scope="session")
def python_files(texts: dict[Path, str]) -> dict[Path, str]:
    return {path: text for path, text in texts.items() if path.suffix == ".py"}


@pytest.fixture(scope="session")
def source_files(python_files: dict[Path, str]) -> dict[Path, str]:
    return {path: text for path, text in python_files.items() if "tests" not in path.parts}


@pytest.fixture(scope="session")
def environment() -> dict[str, str]:
    """What a command started by hand would inherit: nothing of the make and the pytest that run this test."""
    tools = ("MAKE", "MFLAGS", "COVERAGE", "PYTEST_", "SLIPCOVER_")
    arguments = {"T", "WORKERS"}
    return {name: value for name, value in os.environ.items() if not name.startswith(tools) and name not in arguments}


@pytest.fixture(scope="session")
def make(repository: Path, environment: dict[str, str]) -> Callable[..., Finished]:
    """Run make on the installation that runs this test, which it must not install anew."""
    uv = Path(sys.executable).with_name("uv")
    installed = ["-o", ".venv/.created", "-o", ".venv/.installed", f"VENV={sys.executable}", f"UV={uv}"]

    def run(*arguments: str) -> Finished:
        command = ["make", "--no-print-directory", *installed, *arguments]
        return subprocess.run(command, cwd=repository, env=environment, capture_output=True, check=False, text=True)

    return run
