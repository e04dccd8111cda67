"""What a comment silences or promises, it explains."""

import io
import re
import tokenize
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

SUPPRESSIONS_PER_THOUSAND_LINES = 2

SUPPRESSION = re.compile(r"(?:type:\s*ignore|(?:ruff:\s*)?noqa)\b(\[[\w, -]+\]|:\s*[A-Z]+\d+(?:[, ]+[A-Z]+\d+)*\b)?")
PROMISE = re.compile(r"#.*\b(?:TODO|FIXME)\b(?!\s?\(?#\d+)")
COMMENTED_BY_HASH = {".yaml", ".yml", ".toml", ".ini", ".sh", ""}


def find_suppressions(source: str) -> Iterator[str]:
    yield from (comment for _, comment in comments(source) if SUPPRESSION.search(comment))


def find_unexplained_suppressions(source: str) -> Iterator[str]:
    for line, comment in comments(source):
        codes = SUPPRESSION.findall(comment)
        reason = re.findall(r"\w+", SUPPRESSION.sub("", comment))
        if codes and not (all(codes) and len(reason) > 1):
            yield f"{line}: {comment}"


def find_promises_without_issue(source: str) -> Iterator[str]:
    for line, comment in comments(source):
        if PROMISE.search(comment):
            yield f"{line}: {comment}"


@cache
def comments(source: str) -> list[tuple[int, str]]:
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    return [(token.start[0], token.string) for token in tokens if token.type == tokenize.COMMENT]


def test_every_suppression_has_a_code_and_a_reason(python_files: dict[Path, str]) -> None:
    found = [f"{path}:{line}" for path, text in python_files.items() for line in find_unexplained_suppressions(text)]

    assert not found, "\n".join(found)


def test_suppressions_are_rare(source_files: dict[Path, str]) -> None:
    lines = sum(len(text.splitlines()) for text in source_files.values())
    found = [f"{path} {comment}" for path, text in source_files.items() for comment in find_suppressions(text)]

    per_thousand_lines = 1000 * len(found) / lines

    assert per_thousand_lines <= SUPPRESSIONS_PER_THOUSAND_LINES, f"{per_thousand_lines:.1f} per 1,000 lines: {found}"


def test_every_promise_carries_an_issue_number(texts: dict[Path, str], python_files: dict[Path, str]) -> None:
    in_python = [f"{path}:{line}" for path, text in python_files.items() for line in find_promises_without_issue(text)]
    elsewhere = [
        f"{path}:{number}"
        for path, text in texts.items()
        if path.suffix in COMMENTED_BY_HASH
        for number, line in enumerate(text.splitlines(), start=1)
        if PROMISE.search(line)
    ]

    assert not in_python + elsewhere, "\n".join(in_python + elsewhere)


@pytest.mark.parametrize(
    "source",
    [
        "import x  # type: ignore",
        "import x  # type: ignore[import-untyped]",
        "import x  # type: ignore  # it ships no types",
        "import x  # noqa",
        "import x  # noqa: F401",
        "import x  # noqa  # imported for its effect",
        "# ruff: noqa",
        "import x  # type: ignore[import-untyped]  # noqa: F401",
        "import x  # type: ignore[import-untyped]  # noqa  # it ships no types",
    ],
)
def test_a_suppression_without_code_or_reason_is_found(source: str) -> None:
    assert list(find_unexplained_suppressions(source))


@pytest.mark.parametrize(
    "source",
    [
        "import x  # type: ignore[import-untyped]  # it ships no types",
        "import x  # noqa: F401  # imported for its effect",
        "import x  # noqa: F401, E402 - imported for its effect",
        "import x  # type: ignore[import-untyped]  # noqa: F401  # it ships no types",
        "text = 'import x  # noqa'",
    ],
)
def test_an_explained_suppression_passes(source: str) -> None:
    assert list(find_unexplained_suppressions(source)) == []


@pytest.mark.parametrize("source", ["# TODO: later", "x = 1  # FIXME", "# A TODO (soon)"])
def test_a_promise_without_issue_number_is_found(source: str) -> None:
    assert list(find_promises_without_issue(source))


@pytest.mark.parametrize("source", ["# TODO(#12): use the pool", "# TODO #12", "text = 'TODO'"])
def test_a_promise_with_issue_number_passes(source: str) -> None:
    assert list(find_promises_without_issue(source)) == []
