"""Every command that README.md and CONTRIBUTING.md show is one that works.

A `make` command is asked of the Makefile. A block marked `sh conversation` is pasted against the running pair by
tests/e2e/test_readme_conversation.py. Any other command has no test, and so no place in these pages.
"""

import re
import shlex
from collections.abc import Callable, Iterator
from pathlib import Path
from subprocess import CompletedProcess

import pytest

Make = Callable[..., CompletedProcess[str]]

PAGES = ["README.md", "CONTRIBUTING.md"]
CONVERSATION = "sh conversation"
BLOCK = re.compile(r"^ *(?P<fence>```+|~~~+)(?P<info>[^\n`]*)\n(?P<body>.*?)^ *(?P=fence) *$", re.MULTILINE | re.DOTALL)
COMMAND_LANGUAGES = {"sh", "bash", "shell", "zsh", "console", "shell-session"}
ASSIGNMENT = re.compile(r"\w+=")


def find_commands(page: str) -> Iterator[str]:
    """Give every command line outside of the conversations; in a console block a prompt begins each."""
    for block in BLOCK.finditer(page):
        language, _, _ = block["info"].strip().partition(" ")
        if language in COMMAND_LANGUAGES and block["info"].strip() != CONVERSATION:
            lines = block["body"].replace("\\\n", " ").splitlines()
            prompted = language in {"console", "shell-session"}
            yield from (line for line in (command_in(line, prompted=prompted) for line in lines) if line)


def command_in(line: str, *, prompted: bool) -> str:
    text = line.strip()
    if prompted:
        return text.removeprefix("$ ") if text.startswith("$ ") else ""
    return "" if text.startswith("#") else text


def make_arguments(command: str) -> list[str] | None:
    """Give what the command asks of make, or nothing when it asks something else."""
    words = shlex.split(command, comments=True)
    while words and ASSIGNMENT.match(words[0]):
        words.pop(0)
    asks_more = any(sign in word for word in words for sign in (";", "|", "&", "`", "$(", ">"))
    return words[1:] if words[:1] == ["make"] and not asks_more else None


def find_untested_commands(page: str) -> list[str]:
    return [command for command in find_commands(page) if make_arguments(command) is None]


@pytest.mark.parametrize("name", PAGES)
def test_every_command_on_a_page_has_a_test(repository: Path, name: str) -> None:
    page = (repository / name).read_text()

    assert find_untested_commands(page) == []


@pytest.mark.parametrize("name", PAGES)
def test_every_make_command_on_a_page_works(repository: Path, make: Make, name: str) -> None:
    page = (repository / name).read_text()
    asked = [arguments for command in find_commands(page) if (arguments := make_arguments(command)) is not None]

    for arguments in asked:
        finished = make("--dry-run", *arguments)
        assert finished.returncode == 0, f"make {shlex.join(arguments)}: {finished.stderr}"


def test_the_readme_shows_a_conversation(repository: Path) -> None:
    page = (repository / "README.md").read_text()

    assert CONVERSATION in [block["info"].strip() for block in BLOCK.finditer(page)]


@pytest.mark.parametrize(
    "block",
    [
        "```sh\npip install tandem\n```",
        "```bash\nmake run\ncurl localhost:8080\n```",
        "```console\n$ kubectl get pods\nNAME  READY\n```",
        "1. Do\n\n   ```sh\n   skaffold dev\n   ```",
        "```sh\nmake run && open page\n```",
        "```sh\nmakeshift\n```",
        "```sh conversations\ncurl localhost:8080\n```",
    ],
)
def test_a_command_without_test_is_found(block: str) -> None:
    assert find_untested_commands(f"# Page\n\n{block}\n")


@pytest.mark.parametrize(
    "block",
    [
        "```sh\nmake run\n\n# This one moves it:\nPORT=9090 make run\n```",
        '```console\n$ make migration m="add a column"\nwrote it\n```',
        "```sh conversation\ncurl localhost:8080\n```",
        "```json\n{}\n```",
    ],
)
def test_a_command_with_a_test_passes(block: str) -> None:
    assert find_untested_commands(f"# Page\n\n{block}\n") == []


def test_a_target_that_does_not_exist_is_refused(make: Make) -> None:
    assert make("--dry-run", "no-such-target").returncode != 0
