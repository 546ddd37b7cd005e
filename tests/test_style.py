"""The rules of CONTRIBUTING.md that a program can check."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from orm_async_tests import catalogue
from orm_async_tests.script_code import Function, find_variants

ROOT = Path(__file__).parent.parent
FILES = [
    path
    for folder in ("src", "tests", "tools", "benchmarks")
    for path in sorted((ROOT / folder).rglob("*.py"))
] + [ROOT / "noxfile.py"]
SCRIPTS = {script.command: script.path for script in catalogue.read_scripts()}
LINE, MODULE, SCRIPT, FUNCTION, CLAIM = 100, 400, 100, 40, 100
LONG_LINK = re.compile(r"^(Docs: |\s*\"?)https?://\S+$")
CAPITALIZED = re.compile(r"[A-Z][a-z]+(?![\w(.])")  # a word, but no class, call or SQL
# A script cancels a pg_sleep() of at least 10 seconds, so the end of pg_sleep() orders no events.
SLEEP = re.compile(r"\b(asyncio|time)\.sleep\(|\bimport sleep\b|\bpg_sleep\((?!\d\d)|\btimeout=0\.")
PATH_OF_A_MACHINE = re.compile(r"/(home|Users|root|work)/\w")

# Words that say nothing about what a name holds.
EMPTY_NAMES = re.compile(
    "each|found|made|told|given|mine|own|said|asked|met|seen|taken|left|gone|whole|such|how|what"
)
EMPTY_WORDS = re.compile(r"\b(each|found|made|told|given|mine|own|said)\b", re.IGNORECASE)
EMPTY_WORDS_PER_1000_LINES = 8  # twice as many as trio has
UNIQUE_NAMES_EXCEPT = {"__init__.py", "__main__.py", "conftest.py"}


@cache
def parse(path: Path) -> ast.Module:
    """Return the syntax tree of a file."""
    return ast.parse(path.read_text("utf-8"))


def functions(path: Path) -> Iterator[Function]:
    """Yield the functions of a file, including nested functions."""
    for node in ast.walk(parse(path)):
        if isinstance(node, Function):
            yield node


def length(function: Function) -> int:
    """Return the number of a function's lines, without its docstring and nested functions."""
    nested = [node for node in ast.walk(function) if node is not function]
    lines = set(range(function.lineno, (function.end_lineno or 0) + 1))
    for node in nested:
        if isinstance(node, Function):
            lines -= set(range(node.lineno, (node.end_lineno or 0) + 1))
    first = function.body[0]
    if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
        lines -= set(range(first.lineno, (first.end_lineno or 0) + 1))
    return len(lines)


def relative(path: Path) -> str:
    """Return a path relative to the root of the repository."""
    return str(path.relative_to(ROOT))


def test_modules_functions_and_lines_are_short() -> None:
    long = []
    for path in FILES:
        lines = path.read_text("utf-8").splitlines()
        long += [relative(path)] * (len(lines) > MODULE)
        long += [
            f"{relative(path)}:{number}"
            for number, line in enumerate(lines, 1)
            if len(line) > LINE and not LONG_LINK.match(line)
        ]
        long += [
            f"{relative(path)}:{function.name}"
            for function in functions(path)
            if length(function) > FUNCTION
        ]
    assert long == []


@pytest.mark.parametrize("command", SCRIPTS)
def test_a_script_has_its_form(command: str) -> None:
    path = SCRIPTS[command]
    source = path.read_text("utf-8")
    claim = (ast.get_docstring(parse(path)) or "").partition("\n")[0]

    assert len(source.splitlines()) <= SCRIPT
    assert len(claim) <= CLAIM
    assert claim.endswith(".")
    assert not SLEEP.search(source)
    assert source.endswith("\n\n\nmain = main_of(__name__)\n")
    labels = [variant.label for variant in find_variants(parse(path))]
    assert [label for label in labels if not label or label.endswith(".")] == []
    assert [label for label in labels if CAPITALIZED.match(label)] == []
    assert flags_of(path) == []
    assert messages_in_check(path) == set()


def flags_of(path: Path) -> list[str]:
    """Return the parameters of type bool, because a caller that passes `True` hides the meaning."""
    parameters = [
        node
        for function in functions(path)
        for node in ast.walk(function.args)
        if isinstance(node, ast.arg) and node.annotation
    ]
    return [node.arg for node in parameters if ast.unparse(node.annotation or node) == "bool"]


def messages_in_check(path: Path) -> set[str]:
    """Return the ways in which a script's check reads the text of a message."""
    (check,) = (function for function in functions(path) if function.name == "check")
    calls = {ast.unparse(node.func) for node in ast.walk(check) if isinstance(node, ast.Call)}
    attributes = {node.attr for node in ast.walk(check) if isinstance(node, ast.Attribute)}
    return (calls & {"str", "repr", "format"}) | (attributes & {"args"})


def test_no_loop_hides_a_condition_in_its_source() -> None:
    conditional = [
        f"{relative(path)}:{node.lineno}"
        for path in FILES
        for node in ast.walk(parse(path))
        if isinstance(node, ast.For)
        and isinstance(node.iter, ast.IfExp)
        and ast.unparse(node.iter.orelse) in ("()", "[]")
    ]
    assert conditional == []


def test_script_numbers_are_unique() -> None:
    assert len(SCRIPTS) == len(list(catalogue.SCRIPTS.rglob("test*.py")))


def test_no_file_names_a_place_on_a_machine() -> None:
    texts = {path: path.read_text("utf-8") for path in [*FILES, *ROOT.glob("*.md")]}
    assert [path for path, text in texts.items() if PATH_OF_A_MACHINE.search(text)] == []


def identifiers(path: Path) -> Iterator[str]:
    """Yield the names that a file defines."""
    for node in ast.walk(parse(path)):
        match node:
            case ast.Name(id=name, ctx=ast.Store()) | ast.arg(arg=name):
                yield name
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                yield name
            case ast.ClassDef(name=name) | ast.alias(asname=str(name)):
                yield name
            case ast.Attribute(value=ast.Name("self"), attr=name, ctx=ast.Store()):
                yield name


def test_identifiers_say_what_they_hold() -> None:
    empty = {
        f"{relative(path)}: {name}"
        for path in FILES
        for name in identifiers(path)
        if EMPTY_NAMES.fullmatch(name.strip("_"))
    }
    assert sorted(empty) == []


def test_few_words_are_empty() -> None:
    texts = [path.read_text("utf-8") for path in FILES]
    lines = sum(text.count("\n") for text in texts)
    words = sum(len(EMPTY_WORDS.findall(text)) for text in texts)
    assert 1000 * words / lines <= EMPTY_WORDS_PER_1000_LINES


def test_modules_with_different_contents_have_different_names() -> None:
    by_name: dict[str, list[str]] = {}
    for path in FILES:
        if path.name not in UNIQUE_NAMES_EXCEPT:
            by_name.setdefault(path.name, []).append(relative(path))
    assert [paths for paths in by_name.values() if len(paths) > 1] == []
