"""Where a transaction may be committed, and where the environment may be read."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

REASON = "# Commits:"
ENVIRONMENT = {"environ", "environb", "getenv", "getenvb", "putenv", "unsetenv"}


def find_unexplained_commits(source: str) -> Iterator[str]:
    lines = source.splitlines()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "commit":
            number = node.func.end_lineno or node.lineno
            if REASON not in lines[number - 1] and not any(map(starts_reason, comment_above(lines, number))):
                yield f"{number}: {lines[number - 1].strip()}"


def comment_above(lines: list[str], number: int) -> Iterator[str]:
    for line in reversed(lines[: number - 1]):
        if not line.strip().startswith("#"):
            return
        yield line


def starts_reason(line: str) -> bool:
    return line.strip().startswith(REASON)


def find_environment_reads(source: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Attribute) and ast.unparse(node) in {f"os.{name}" for name in ENVIRONMENT}:
            yield f"{node.lineno}: {ast.unparse(node)}"
        if isinstance(node, ast.ImportFrom) and node.module == "os":
            yield from (f"{node.lineno}: {alias.name}" for alias in node.names if alias.name in ENVIRONMENT)


def may_read_environment(path: Path) -> bool:
    names = ("core/config.py", "service_chassis/settings.py", "service_chassis/shared_metrics.py")
    return any(map(path.match, names)) or not {"local_stack", "testing", "loadtests"}.isdisjoint(path.parts)


def test_only_writes_that_survive_an_error_are_committed_by_hand(source_files: dict[Path, str]) -> None:
    found = [f"{path}:{line}" for path, text in source_files.items() for line in find_unexplained_commits(text)]

    assert not found, "\n".join(found)


def test_only_the_configuration_reads_the_environment(source_files: dict[Path, str]) -> None:
    files = {path: text for path, text in source_files.items() if not may_read_environment(path)}

    found = [f"{path}:{line}" for path, text in files.items() for line in find_environment_reads(text)]

    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    "source",
    [
        "await session.commit()",
        "await session.commit()  # it must survive",
        "# Commits: the family stays ended.\n\nawait session.commit()",
        "# Commits: the family stays ended.\nend_family()\nsession.commit()",
    ],
)
def test_a_commit_without_reason_is_found(source: str) -> None:
    assert list(find_unexplained_commits(source))


@pytest.mark.parametrize(
    "source",
    [
        "await session.commit()  # Commits: the family stays ended.",
        "# Commits: the family stays ended,\n# although the request fails.\nawait session.commit()",
        "commit(session)",
    ],
)
def test_a_commit_with_its_reason_passes(source: str) -> None:
    assert list(find_unexplained_commits(source)) == []


@pytest.mark.parametrize(
    "source",
    [
        "import os\nos.environ['A']",
        "import os\nos.getenv('A')",
        "from os import environ",
        "from os import getenv as get",
    ],
)
def test_a_read_of_the_environment_is_found(source: str) -> None:
    assert list(find_environment_reads(source))


@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        ("auth-service/src/auth_service/core/config.py", True),
        ("libs/service-chassis/src/service_chassis/settings.py", True),
        ("libs/service-chassis/src/service_chassis/shared_metrics.py", True),
        ("libs/local-stack/src/local_stack/run.py", True),
        ("libs/service-chassis/src/service_chassis/testing/plugin.py", True),
        ("loadtests/bench/environment.py", True),
        ("auth-service/src/auth_service/main.py", False),
        ("auth-service/src/auth_service/services/config.py", False),
    ],
)
def test_the_environment_is_read_in_named_places(path: str, *, allowed: bool) -> None:
    assert may_read_environment(Path(path)) is allowed


def find_blocking_providers(source: str) -> Iterator[str]:
    for node in ast.parse(source).body:
        if isinstance(node, ast.FunctionDef) and node.name.startswith("get_"):
            yield f"{node.lineno}: {node.name} has to be async"


def test_nothing_that_endpoints_depend_on_runs_in_a_thread(source_files: dict[Path, str]) -> None:
    # FastAPI hands each provider that is not asynchronous to a thread, which costs more than all of them do.
    files = {path: text for path, text in source_files.items() if "api" in path.parts}

    found = [f"{path}:{line}" for path, text in files.items() for line in find_blocking_providers(text)]

    assert files
    assert not found, "\n".join(found)


def test_a_provider_that_is_not_asynchronous_is_found() -> None:
    source = "def get_users() -> None: ...\nasync def get_items() -> None: ...\ndef _find() -> None: ...\n"

    assert list(find_blocking_providers(source)) == ["1: get_users has to be async"]
