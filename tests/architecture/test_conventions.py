"""Sizes, names and signatures: what keeps every file readable in one sitting."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

Function = ast.FunctionDef | ast.AsyncFunctionDef

FUNCTION_LINES = 40
FILE_LINES = 300
POSITIONAL_ARGUMENTS = 2

NAMELESS = re.compile(r"(^|.+_)(utils?|helpers?|misc|common)$")

# The framework calls these by name: routes, fixtures, command-line commands and event listeners.
INJECTING_DECORATORS = {"get", "post", "put", "patch", "delete", "fixture", "command", "callback", "listens_for"}

# These signatures are the framework's own.
FRAMEWORK_SIGNATURES = {("scope", "receive", "send"), ("logger", "method_name", "event_dict")}
FRAMEWORK_METHODS = {"settings_customise_sources", "prepare_field_value", "include_object", "handle_DATA"}
PYTHON_METHODS = re.compile(r"__(?!init__|new__|call__)\w+__")


def find_long_functions(source: str) -> Iterator[str]:
    for function in functions(source):
        body = function.body[1:] if ast.get_docstring(function) else function.body
        lines = (body[-1].end_lineno or 0) - body[0].lineno + 1 if body else 0
        if lines > FUNCTION_LINES:
            yield f"{function.lineno}: {function.name} has {lines} lines, at most {FUNCTION_LINES} are allowed"


def find_excess_lines(source: str) -> Iterator[str]:
    lines = len(source.splitlines())
    if lines > FILE_LINES:
        yield f"{lines}: at most {FILE_LINES} lines are allowed"


def find_missing_docstring(source: str) -> Iterator[str]:
    if ast.get_docstring(parsed(source)) is None:
        yield "1: a module says in one line what it is for"


def find_positional_arguments(source: str) -> Iterator[str]:
    listeners = listener_names(source)
    for function in functions(source):
        names = positional_names(function)
        called = function.name in listeners or called_by_framework(function, names)
        if len(names) > POSITIONAL_ARGUMENTS and not called:
            yield f"{function.lineno}: {function.name} takes {len(names)} positional arguments, put * before the third"


def find_nameless_parts(path: Path) -> list[str]:
    return [part for part in (*path.parts[:-1], path.stem.removeprefix("test_")) if NAMELESS.match(part.strip("_"))]


@cache
def functions(source: str) -> list[Function]:
    return [node for node in ast.walk(parsed(source)) if isinstance(node, Function)]


@cache
def parsed(source: str) -> ast.Module:
    return ast.parse(source)


def positional_names(function: Function) -> list[str]:
    names = [argument.arg for argument in (*function.args.posonlyargs, *function.args.args)]
    return names[1:] if names[:1] in (["self"], ["cls"]) else names


def called_by_framework(function: Function, names: list[str]) -> bool:
    return (
        not INJECTING_DECORATORS.isdisjoint(map(decorator_name, function.decorator_list))
        or tuple(name.strip("_") for name in names) in FRAMEWORK_SIGNATURES
        or function.name.startswith("test_")
        or function.name in FRAMEWORK_METHODS
        or PYTHON_METHODS.fullmatch(function.name) is not None
    )


def listener_names(source: str) -> set[str]:
    """Give the functions that a module hands to SQLAlchemy's `event.listen`."""
    calls = [node for node in ast.walk(parsed(source)) if isinstance(node, ast.Call)]
    listening = [call for call in calls if isinstance(call.func, ast.Attribute) and call.func.attr == "listen"]
    return {argument.id for call in listening for argument in call.args if isinstance(argument, ast.Name)}


def decorator_name(decorator: ast.expr) -> str:
    named = decorator.func if isinstance(decorator, ast.Call) else decorator
    return ast.unparse(named).rpartition(".")[2]


def test_no_function_body_exceeds_forty_lines(python_files: dict[Path, str]) -> None:
    # A migration is a list of statements, which reads best in one piece.
    files = {path: text for path, text in python_files.items() if path.parent.name != "versions"}

    found = [f"{path}:{line}" for path, text in files.items() for line in find_long_functions(text)]

    assert not found, "\n".join(found)


def test_no_file_exceeds_three_hundred_lines(python_files: dict[Path, str]) -> None:
    found = [f"{path}:{line}" for path, text in python_files.items() for line in find_excess_lines(text)]

    assert not found, "\n".join(found)


def test_every_module_says_what_it_is_for(source_files: dict[Path, str]) -> None:
    found = [f"{path}:{line}" for path, text in source_files.items() for line in find_missing_docstring(text)]

    assert not found, "\n".join(found)


def test_more_than_two_arguments_are_passed_by_name(python_files: dict[Path, str]) -> None:
    # FastAPI calls the functions of a wiring file by name.
    files = {path: text for path, text in python_files.items() if not path.name.endswith("dependencies.py")}

    found = [f"{path}:{line}" for path, text in files.items() for line in find_positional_arguments(text)]

    assert not found, "\n".join(found)


def test_every_file_is_named_after_a_concept(texts: dict[Path, str]) -> None:
    found = [str(path) for path in texts if find_nameless_parts(path)]

    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    ("lines", "found"),
    [
        pytest.param(FUNCTION_LINES, 0, id="at the limit"),
        pytest.param(FUNCTION_LINES + 1, 1, id="one line more"),
    ],
)
def test_a_function_body_is_measured_without_its_docstring(lines: int, found: int) -> None:
    source = 'async def verbose():\n    """Say it.\n\n    At length.\n    """\n' + "    pass\n" * lines

    assert len(list(find_long_functions(source))) == found


@pytest.mark.parametrize(("lines", "found"), [(FILE_LINES, 0), (FILE_LINES + 1, 1)])
def test_a_file_beyond_its_limit_is_found(lines: int, found: int) -> None:
    source = "pass\n" * lines

    assert len(list(find_excess_lines(source))) == found


@pytest.mark.parametrize("source", ["", "import os\n", "# A comment is no docstring.\n"])
def test_a_module_without_docstring_is_found(source: str) -> None:
    assert list(find_missing_docstring(source))


@pytest.mark.parametrize(
    "source",
    [
        "def issue(user, session, scope): ...",
        "async def issue(user, session, scope=None): ...",
        "class Signer:\n    def __init__(self, key, algorithm, lifetime): ...",
        "class Middleware:\n    def __call__(self, request, call_next, more): ...",
        "@cache\ndef issue(user, session, scope): ...",
    ],
)
def test_a_third_positional_argument_is_found(source: str) -> None:
    assert list(find_positional_arguments(source))


@pytest.mark.parametrize(
    "source",
    [
        "def issue(user, session, *, scope): ...",
        "class Signer:\n    def sign(self, key, claims): ...",
        "class Middleware:\n    async def __call__(self, scope, receive, send): ...",
        "class Pair:\n    def __exit__(self, kind, error, traceback): ...",
        "@router.get('/items')\nasync def list_items(page, user, items): ...",
        "@pytest.fixture\ndef client(app, database, clock): ...",
        "event.listen(pool, 'checkout', check)\ndef check(connection, entry, proxy): ...",
        "def add_trace_id(_logger, _method_name, event_dict): ...",
        "def test_login(client, user, clock): ...",
    ],
)
def test_what_a_framework_calls_keeps_its_signature(source: str) -> None:
    assert list(find_positional_arguments(source)) == []


@pytest.mark.parametrize(
    "path", ["src/utils.py", "src/helpers/items.py", "tests/test_helpers.py", "a/_common.py", "a/string_utils.py"]
)
def test_a_file_named_after_no_concept_is_found(path: str) -> None:
    assert find_nameless_parts(Path(path))


@pytest.mark.parametrize("path", ["core/common_passwords.py", "api/v1/endpoints/users.py", "tests/test_pagination.py"])
def test_a_file_named_after_a_concept_passes(path: str) -> None:
    assert find_nameless_parts(Path(path)) == []
