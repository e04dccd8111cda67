"""What the repository holds, what it never names, and that its import contracts hold."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import pytest

FOLDERS = {".ci", ".github", "auth-service", "items-service", "libs", "deploy", "loadtests", "tests"}
SOURCES = [
    "auth-service/src",
    "items-service/src",
    "libs/local-stack/src",
    "libs/observability/src",
    "libs/service-chassis/src",
]

# Written in halves, so that this file names none of them either.
REGISTRIES = [
    first + second
    for first, second in [
        ("py", "pi.org"),
        ("python", "hosted.org"),
        ("npm", "js.org"),
        ("docker", ".io"),
        ("docker", ".com"),
        ("gh", "cr.io"),
        ("gc", "r.io"),
        ("quay", ".io"),
        ("mcr.micro", "soft.com"),
        ("ecr", ".aws"),
        ("registry", ".k8s.io"),
        ("crates", ".io"),
        ("proxy.go", "lang.org"),
        ("rubygems", ".org"),
    ]
]
REGISTRY = re.compile("|".join(map(re.escape, REGISTRIES)), re.IGNORECASE)
DEVELOPER_PATH = re.compile(r"(?<![\w./}-])(?:/home/\w|/Users/\w|/root(?=/)|/private(?=/var/)|[A-Z]:\\Users\\)")

MEETING = "Services meet over HTTP; the chassis knows no service; the local stack knows nobody"
SERVICE = "auth-service/src/auth_service"
CHASSIS = "libs/service-chassis/src/service_chassis"


def find_lines(pattern: re.Pattern[str], texts: dict[Path, str]) -> list[str]:
    return [
        f"{path}:{number}: {line.strip()[:120]}"
        for path, text in texts.items()
        if pattern.search(text)
        for number, line in enumerate(text.splitlines(), start=1)
        if pattern.search(line)
    ]


@pytest.fixture
def lint_imports(environment: dict[str, str]) -> Callable[[Path], CompletedProcess[str]]:
    def run(folder: Path) -> CompletedProcess[str]:
        command = [str(Path(sys.executable).with_name("lint-imports")), "--no-logo", "--no-cache"]
        paths = os.pathsep.join(str(folder / source) for source in SOURCES)
        surroundings = environment | {"PYTHONPATH": paths, "COLUMNS": "200"}
        return subprocess.run(command, cwd=folder, env=surroundings, capture_output=True, check=False, text=True)

    return run


@pytest.fixture
def copy(repository: Path, tmp_path: Path) -> Path:
    """Give a copy of the sources, to break."""
    for source in SOURCES:
        shutil.copytree(repository / source, tmp_path / source, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(repository / "pyproject.toml", tmp_path)
    return tmp_path


def test_every_top_folder_is_one_of_the_design(texts: dict[Path, str]) -> None:
    folders = {path.parts[0] for path in texts if len(path.parts) > 1}

    assert folders - FOLDERS == set()


def test_no_file_names_a_registry(texts: dict[Path, str]) -> None:
    found = find_lines(REGISTRY, texts)

    assert not found, "\n".join(found)


def test_no_file_names_a_path_of_the_machine_it_was_written_on(repository: Path, texts: dict[Path, str]) -> None:
    # A checkout right below the root, as in a container, has a name too short to tell it from a path of the project.
    checkout = re.compile(rf"(?<![\w./]){re.escape(str(repository))}(?![\w-])" if repository.parent.name else r"(?!)")

    found = find_lines(DEVELOPER_PATH, texts) + find_lines(checkout, texts)

    assert not found, "\n".join(found)


@pytest.mark.parametrize("registry", REGISTRIES)
def test_a_registry_in_a_file_is_found(registry: str) -> None:
    assert find_lines(REGISTRY, {Path("values.yaml"): f"image:\n  repository: {registry}/tandem/auth"})


@pytest.mark.parametrize("folder", ["/ho" + "me/ada", "/Us" + "ers/ada", "/ro" + "ot/.cache", "C:\\Us" + "ers\\ada"])
def test_a_path_of_a_machine_in_a_file_is_found(folder: str) -> None:
    assert find_lines(DEVELOPER_PATH, {Path("run.sh"): f"cd {folder}/tandem"})


@pytest.mark.parametrize("text", ["GET /api/v1/users/me", "/home", "${BASE}/home/page", "a/root/b"])
def test_a_path_of_the_api_is_no_path_of_a_machine(text: str) -> None:
    assert find_lines(DEVELOPER_PATH, {Path("README.md"): text}) == []


def test_imports_keep_the_contracts(repository: Path, lint_imports: Callable[[Path], CompletedProcess[str]]) -> None:
    finished = lint_imports(repository)

    assert finished.returncode == 0, finished.stdout + finished.stderr


@pytest.mark.parametrize(
    ("contract", "modules"),
    [
        (MEETING, {f"{SERVICE}/core/breach.py": "import items_service"}),
        (MEETING, {f"{CHASSIS}/breach.py": "import auth_service"}),
        (MEETING, {"libs/local-stack/src/local_stack/breach.py": "import service_chassis"}),
        ("Imports point down", {f"{SERVICE}/core/breach.py": "import auth_service.services"}),
        ("Imports point down", {f"{SERVICE}/breach.py": ""}),
        ("Nothing that runs uses what watches it", {f"{SERVICE}/core/breach.py": "import observability"}),
        (
            "What watches the services sees their metrics only",
            {"libs/observability/src/observability/breach.py": "import auth_service"},
        ),
        ("Only tests use the local stack", {f"{SERVICE}/core/breach.py": "import local_stack"}),
        ("HTTP types stop at api and middleware", {f"{SERVICE}/services/breach.py": "import fastapi"}),
        (
            "Endpoints never touch repositories or SQLAlchemy",
            {f"{SERVICE}/api/v1/endpoints/breach.py": "import auth_service.repositories"},
        ),
        (
            "The chassis has no import cycles",
            {
                f"{CHASSIS}/one.py": "import service_chassis.other",
                f"{CHASSIS}/other.py": "import service_chassis.one",
            },
        ),
    ],
)
def test_a_breach_of_a_contract_is_found(
    copy: Path, lint_imports: Callable[[Path], CompletedProcess[str]], contract: str, modules: dict[str, str]
) -> None:
    for path, statement in modules.items():
        (copy / path).write_text(f'"""A breach."""\n\n{statement}\n')

    finished = lint_imports(copy)

    assert finished.returncode != 0
    assert f"{contract} BROKEN" in finished.stdout, finished.stdout + finished.stderr
