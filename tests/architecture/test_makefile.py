"""`make` explains itself."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from subprocess import CompletedProcess

import pytest

Make = Callable[..., CompletedProcess[str]]


def find_unexplained_targets(makefile: str) -> Iterator[str]:
    for target in re.findall(r"^\.PHONY: ([a-z-]+)$", makefile, re.MULTILINE):
        if not re.search(rf"^{target}:.* ## \S", makefile, re.MULTILINE):
            yield target


@pytest.fixture
def makefile(repository: Path) -> str:
    return (repository / "Makefile").read_text()


def test_make_alone_lists_every_target_under_its_heading(make: Make, makefile: str) -> None:
    help_text = make().stdout

    for heading in re.findall(r"^##@ (.+)$", makefile, re.MULTILINE):
        assert f"\n{heading}\n" in help_text
    for target in re.findall(r"^\.PHONY: ([a-z-]+)$", makefile, re.MULTILINE):
        assert re.search(rf"^  make {target} +\S", help_text, re.MULTILINE), target


def test_every_target_explains_itself(makefile: str) -> None:
    assert list(find_unexplained_targets(makefile)) == []


def test_a_target_without_explanation_is_found() -> None:
    makefile = ".PHONY: fmt\nfmt: ## Format the code\n\n.PHONY: seed\nseed:\n"

    assert list(find_unexplained_targets(makefile)) == ["seed"]


@pytest.mark.parametrize("arguments", [[], ["m="]])
def test_a_migration_without_message_is_refused_in_one_sentence(make: Make, arguments: list[str]) -> None:
    finished = make("migration", *arguments)

    assert finished.returncode != 0
    assert finished.stderr.splitlines()[0] == 'Say what the migration does: make migration m="add a column"'


@pytest.mark.parametrize(
    ("target", "sentence"),
    [
        ("deploy", "This needs helm, which is not installed."),
        ("undeploy", "This needs helm, which is not installed."),
        ("cluster", "This needs kind, which is not installed."),
        ("images", "Building images needs docker or podman, and neither is installed."),
    ],
)
def test_a_program_that_is_missing_is_named_in_one_sentence(
    make: Make, tmp_path: Path, target: str, sentence: str
) -> None:
    finished = make(target, f"PATH={tmp_path}")

    assert finished.returncode != 0
    assert finished.stderr.splitlines()[0] == sentence


@pytest.mark.parametrize(
    ("arguments", "measured"), [([], True), (["T=tests/architecture"], False), (["COVERAGE="], False)]
)
def test_coverage_is_measured_over_the_whole_suite_only(make: Make, arguments: list[str], *, measured: bool) -> None:
    finished = make("--dry-run", "test", *arguments)

    assert ("slipcover" in finished.stdout) is measured
