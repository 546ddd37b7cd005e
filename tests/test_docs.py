"""The documentation names every command, option and variable."""

import argparse
import ast
import inspect
import re
from collections.abc import Iterator
from pathlib import Path

from orm_async_tests import catalogue, db, symptoms
from orm_async_tests.cli import build_parser
from orm_async_tests.harness.report.render import render_full
from orm_async_tests.harness.run.fixtures import FIXTURES
from orm_async_tests.harness.run.runner import run_script
from orm_async_tests.harness.script import Script
from orm_async_tests.service.settings import PREFIX, Settings

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text("utf-8")
DOCUMENTS = README + "".join(path.read_text("utf-8") for path in (ROOT / "docs").glob("*.md"))
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
MILLISECONDS = re.compile(r"[\d.]+ ms")
ENVIRONMENT_VARIABLE = re.compile(r"\b(ORM_ASYNC_[A-Z_]+|DATABASE_URL)\b")


def list_commands(parser: argparse.ArgumentParser, path: str) -> Iterator[str]:
    """Yield the subcommands of a parser in the form that a user types."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for name, subparser in action.choices.items():
                below = list(list_commands(subparser, f"{path} {name}"))
                yield from below or [f"{path} {name}"]


def test_the_documents_name_every_command_and_no_other() -> None:
    commands = list(list_commands(build_parser(), "orm-async-tests"))
    assert [command for command in commands if command not in DOCUMENTS] == []
    named = set(re.findall(r"(?:^|`|run )orm-async-tests ([a-z]+)", DOCUMENTS, re.MULTILINE))
    assert named <= {command.split()[1] for command in commands}


def test_the_documents_name_every_variable() -> None:
    source = [path.read_text("utf-8") for path in (ROOT / "src").rglob("*.py")]
    named = {name for text in source for name in ENVIRONMENT_VARIABLE.findall(text)}
    settings = {f"{PREFIX}{name.upper()}" for name in Settings.model_fields}
    assert (named - {PREFIX}) | settings <= set(ENVIRONMENT_VARIABLE.findall(DOCUMENTS))


def test_the_documents_name_every_nox_session() -> None:
    tree = ast.parse((ROOT / "noxfile.py").read_text("utf-8"))
    functions = [node for node in tree.body if isinstance(node, ast.FunctionDef)]
    sessions = [
        function.name
        for function in functions
        if "nox.session" in "".join(map(ast.unparse, function.decorator_list))
    ]
    assert [name for name in sessions if f"`{name}`" not in DOCUMENTS] == []


def test_the_readme_links_every_chapter_and_its_page_names_every_script() -> None:
    chapters = list(catalogue.group_by_chapter(catalogue.read_scripts()))
    assert [chapter.name for chapter in chapters] == list(catalogue.CHAPTERS)
    for chapter in chapters:
        folder = catalogue.SCRIPTS / chapter.name
        assert f"({folder.relative_to(ROOT)})" in README
        page = (folder / "README.md").read_text("utf-8")
        assert [script for script in chapter.scripts if f"({script.path.name})" not in page] == []


def test_the_readmes_errors_lead_to_the_scripts_beside_them() -> None:
    known = {script.number: script.symptoms for script in catalogue.read_scripts()}
    rows = re.findall(r"^\| (`.+`) \| (`test.+`) \|", README, re.MULTILINE)
    assert len(rows) >= 10
    for errors, commands in rows:
        for error in re.findall("`(.+?)`", errors):
            matches = {f"test{number}" for number in symptoms.find_scripts(error, known)}
            assert set(re.findall(r"test\d+", commands)) <= matches


def test_the_readme_is_read_in_minutes() -> None:
    assert len(README.splitlines()) <= 180


def test_the_readmes_example_is_what_the_script_prints(database: db.Database) -> None:
    (script_file,) = catalogue.select(["5"])
    shown = "\n".join(
        text for _, text in render_full(run_script(Script.of(script_file.load()), database))
    )
    assert MILLISECONDS.sub("", shown) in MILLISECONDS.sub("", README)


def test_contributing_names_what_scripts_are_written_with() -> None:
    tree = ast.parse((ROOT / "src/orm_async_tests/harness/__init__.py").read_text("utf-8"))
    names = [
        alias.name for node in tree.body if isinstance(node, ast.ImportFrom) for alias in node.names
    ]
    assert [name for name in names if not re.search(rf"`[^`]*\b{name}\b", CONTRIBUTING)] == []


def test_contributing_names_every_fixture_and_nothing_else() -> None:
    table = CONTRIBUTING.partition("| Parameter | Object |")[2].partition("\n\n")[0]
    assert set(re.findall(r"^\| `(\w+)` \| ", table, re.MULTILINE)) == FIXTURES.keys()


def test_contributing_names_every_module_level_name_and_nothing_else() -> None:
    table = CONTRIBUTING.partition("| Name | Means |")[2].partition("\n\n")[0]
    read = inspect.getsource(Script.of)
    known = {"DEFECT", *re.findall(r'get\("(\w+)"', read)}  # a defect has any name
    assert set(re.findall(r"^\| `(\w+)", table, re.MULTILINE)) == known
