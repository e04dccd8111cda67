"""What can be said of the images without building them."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

SERVICES = ["auth-service", "items-service"]
COPY = re.compile(r"^COPY (?:--chown=\S+ )?(?P<sources>[^-\s].*) \S+$", re.MULTILINE)


def lint(dockerfile: Path) -> str:
    hadolint = Path(sys.executable).with_name("hadolint")
    return subprocess.run([hadolint, "--no-color", dockerfile], capture_output=True, check=False, text=True).stdout


def copied(dockerfile: str) -> list[str]:
    """Give what comes from the repository, rather than from another stage."""
    return [source for match in COPY.finditer(dockerfile) for source in match["sources"].split()]


@pytest.fixture(params=SERVICES)
def dockerfile(repository: Path, request: pytest.FixtureRequest) -> Path:
    service: str = request.param
    return repository / service / "Dockerfile"


def test_hadolint_has_nothing_to_say(dockerfile: Path) -> None:
    assert lint(dockerfile) == ""


@pytest.mark.parametrize("folder", ["tests", "loadtests"])
def test_hadolint_has_nothing_to_say_of_the_images_that_test(repository: Path, folder: str) -> None:
    assert lint(repository / folder / "Dockerfile") == ""


def test_the_image_of_the_load_test_starts_with_what_it_is_made_of(repository: Path, tmp_path: Path) -> None:
    for source in copied((repository / "loadtests" / "Dockerfile").read_text()):
        for path in repository.glob(source):
            target = tmp_path / path.relative_to(repository)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copytree(path, target) if path.is_dir() else shutil.copy(path, target)
    command = [sys.executable, "-m", "locust", "--locustfile", "loadtests/locustfile.py", "--list"]

    listed = subprocess.run(
        command, cwd=tmp_path, env={"PYTHONPATH": "libs/observability/src"}, capture_output=True, check=False, text=True
    )

    assert "ReturningUser" in listed.stdout + listed.stderr, listed.stderr


def test_hadolint_finds_what_is_wrong(tmp_path: Path) -> None:
    dockerfile = tmp_path / "Dockerfile"
    dockerfile.write_text("FROM python:latest\nRUN cd /tmp && pip install fastapi\n")

    assert {"DL3007", "DL3003", "DL3013"} <= set(re.findall(r"DL\d+", lint(dockerfile)))


def test_both_images_are_made_alike(repository: Path) -> None:
    auth, items = ((repository / service / "Dockerfile").read_text() for service in SERVICES)
    description = re.compile(r'(image\.description=)".*"')

    assert description.sub(r"\1", items.replace("items", "auth")) == description.sub(r"\1", auth)


def test_what_is_measured_is_compiled_as_in_an_image(repository: Path, dockerfile: Path) -> None:
    compiled = re.compile(r"(\w+=1) \S+/bin/python -m (compileall .*) \S+/lib\b")

    [measured] = compiled.findall((repository / "Makefile").read_text())
    assert compiled.findall(dockerfile.read_text()) == [measured]


def test_an_image_is_made_of_its_own_service_and_the_chassis_only(dockerfile: Path) -> None:
    sources = copied(dockerfile.read_text())

    folders = {source.partition("/")[0] for source in sources}
    assert folders == {"requirements.lock", dockerfile.parent.name, "libs"}
    assert {source for source in sources if source.startswith("libs/")} == {
        "libs/service-chassis/pyproject.toml",
        "libs/service-chassis/src",
    }


def test_everything_an_image_is_made_of_exists(repository: Path, dockerfile: Path) -> None:
    missing = [source for source in copied(dockerfile.read_text()) if not (repository / source).exists()]

    assert missing == []


def test_the_base_image_is_named_once_and_can_be_replaced(dockerfile: Path) -> None:
    text = dockerfile.read_text()

    assert re.findall(r"^ARG PYTHON_IMAGE=(\S+)$", text, re.MULTILINE) == ["python:3.13-slim-trixie"]
    assert set(re.findall(r"^FROM (\S+)", text, re.MULTILINE)) == {"${PYTHON_IMAGE}", "scratch"}
