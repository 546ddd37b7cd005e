"""The house rules that a machine can check."""

import ast
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from orm_async_tests import catalogue

ROOT = Path(__file__).parent.parent
FILES = [
    path
    for folder in ("src", "tests", "tools", "benchmarks")
    for path in sorted((ROOT / folder).rglob("*.py"))
] + [ROOT / "noxfile.py"]
SCRIPTS = {entry.command: entry.path for entry in catalogue.read_scripts()}
LINE, MODULE, SCRIPT, FUNCTION, CLAIM = 100, 400, 100, 40, 100
CAPITALIZED = re.compile(r"[A-Z][a-z]+(?![\w(.])")  # a word, and no class, call or SQL
BANNED = {"each", "found", "given", "made", "mine", "own", "said", "told"}  # they name nothing
SLEEP = re.compile(r"\b(asyncio|time)\.sleep\(|\bimport sleep\b")
PATH_OF_A_MACHINE = re.compile(r"/(home|Users|root|work)/\w")


def functions(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    """Yield the functions of a file."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def length(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Return a function's lines, without its docstring and the functions inside it."""
    nodes = [node for node in ast.walk(function) if node is not function]
    inner = [node for node in nodes if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    lines = set(range(function.lineno, (function.end_lineno or 0) + 1))
    for node in inner:
        lines -= set(range(node.lineno, (node.end_lineno or 0) + 1))
    first = function.body[0]
    if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
        lines -= set(range(first.lineno, (first.end_lineno or 0) + 1))
    return len(lines)


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_files_and_functions_are_small(path: Path) -> None:
    lines = path.read_text("utf-8").splitlines()
    link = re.compile(r"^(Docs: |\s*\"?)https?://\S+$")
    assert len(lines) <= MODULE
    assert [line for line in lines if len(line) > LINE and not link.match(line)] == []
    assert [item.name for item in functions(path) if length(item) > FUNCTION] == []


@pytest.mark.parametrize("command", SCRIPTS)
def test_a_script_has_the_form(command: str) -> None:
    source = SCRIPTS[command].read_text("utf-8")
    tree = ast.parse(source)
    claim = (ast.get_docstring(tree) or "").partition("\n")[0]

    assert len(source.splitlines()) <= SCRIPT
    assert len(claim) <= CLAIM
    assert claim.endswith(".")
    assert not SLEEP.search(source)
    assert source.endswith("\n\n\nmain = main_of(__name__)\n")
    labels = [
        ast.get_docstring(variant) or ""
        for variant in functions(SCRIPTS[command])
        if is_variant(variant)
    ]
    assert [label for label in labels if not label or label.endswith(".")] == []
    assert [label for label in labels if CAPITALIZED.match(label)] == []


def is_variant(function: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    """Return whether a function is a variant of a script."""
    names = {ast.unparse(node).partition("(")[0] for node in function.decorator_list}
    return bool(names & {"wrong", "right", "variant"})


@pytest.mark.parametrize("command", SCRIPTS)
def test_a_check_asserts_no_message(command: str) -> None:
    [check] = [item for item in functions(SCRIPTS[command]) if item.name == "check"]
    calls = {ast.unparse(node.func) for node in ast.walk(check) if isinstance(node, ast.Call)}
    assert not calls & {"str", "repr", "format"}
    assert ".args" not in ast.unparse(check)


def names_of(path: Path) -> Iterator[str]:
    """Yield the names of variables, attributes, arguments, functions and classes in a file."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        match node:
            case ast.Name(id=name, ctx=ast.Store()) | ast.Attribute(attr=name, ctx=ast.Store()):
                yield name
            case ast.arg(arg=name):
                yield name
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                yield node.name


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_names_say_what_they_hold(path: Path) -> None:
    assert {name for name in names_of(path) if name.lower() in BANNED} == set()


def test_module_names_are_unique() -> None:
    names = Counter(path.name for path in FILES)
    repeated = {name for name, count in names.items() if count > 1}
    assert repeated <= {"__init__.py", "__main__.py", "conftest.py"}


def test_numbers_are_used_once() -> None:
    assert len(SCRIPTS) == len(list(catalogue.SCRIPTS.rglob("test*.py")))


def test_no_file_names_a_path_of_a_machine() -> None:
    texts = {path: path.read_text("utf-8") for path in [*FILES, *ROOT.glob("*.md")]}
    assert [path for path, text in texts.items() if PATH_OF_A_MACHINE.search(text)] == []


@pytest.mark.parametrize("command", SCRIPTS)
def test_no_function_of_a_script_takes_a_bool(command: str) -> None:
    """A variant that passes `True` to a helper hides what it does."""
    for function in functions(SCRIPTS[command]):
        arguments = ast.walk(function.args)
        kinds = [node.annotation for node in arguments if isinstance(node, ast.arg)]
        assert "bool" not in [ast.unparse(kind) for kind in kinds if kind], function.name
