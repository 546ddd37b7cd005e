"""The numbered scripts, found by their files' names and read without importing them."""

import ast
import importlib
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from orm_async_tests import symptoms
from orm_async_tests.errors import CouldNotRun
from orm_async_tests.symptoms import Symptom

SCRIPTS = Path(__file__).parent / "scripts"
FILE_NAME = re.compile(r"test(\d{3,})_(\w+)\.py")
DOCS = re.compile(r"^Docs: *(.+)$", re.MULTILINE)
CHAPTERS = (  # in the order in which they are listed; each is a folder of scripts
    "concurrency",
    "implicit_io",
    "loading",
    "streaming",
    "transactions",
    "writing",
    "isolation",
    "pool",
    "cancellation",
    "poolers",
    "driver",
    "bridge",
    "web",
    "testing",
    "migrations",
    "replication",
)


@dataclass(frozen=True)
class Entry:
    """What a script's file says of it."""

    number: int
    path: Path
    claim: str
    why: str
    docs: tuple[str, ...]
    symptoms: tuple[Symptom, ...]  # the errors by which a person meets it
    cures: tuple[tuple[str, str], ...]  # its right ways: name and label
    since: str | None  # the SQLAlchemy that it needs

    @property
    def command(self) -> str:
        """Such as test5."""
        return f"test{self.number}"

    @property
    def chapter(self) -> str:
        """The name of its folder."""
        return self.path.parent.name

    @property
    def module(self) -> str:
        """Its dotted name."""
        return f"orm_async_tests.scripts.{self.chapter}.{self.path.stem}"

    def load(self) -> ModuleType:
        """Import it."""
        return importlib.import_module(self.module)


@dataclass(frozen=True)
class Chapter:
    """A folder of scripts about one subject."""

    name: str
    title: str
    introduction: str
    entries: tuple[Entry, ...]


def catalogue() -> list[Entry]:
    """Every script, by number. Raises ValueError, naming the file, if one is not in the form."""
    return sorted(map(_entry, SCRIPTS.glob("*/test*.py")), key=lambda entry: entry.number)


def chapters(entries: Iterable[Entry]) -> Iterator[Chapter]:
    """The chapters of these scripts, in the order in which they are listed."""
    by_chapter = defaultdict[str, list[Entry]](list)
    for entry in entries:
        by_chapter[entry.chapter].append(entry)
    for name in CHAPTERS:
        if name in by_chapter:
            doc = ast.get_docstring(ast.parse((SCRIPTS / name / "__init__.py").read_text("utf-8")))
            title, _, introduction = (doc or "").partition("\n\n")
            yield Chapter(name, title.rstrip("."), introduction, tuple(by_chapter[name]))


def _entry(path: Path) -> Entry:
    tree = ast.parse(path.read_text("utf-8"))
    name = FILE_NAME.fullmatch(path.name)
    claim, _, rest = (ast.get_docstring(tree) or "").partition("\n\n")
    docs = tuple(DOCS.findall(rest))
    if name is None or path.parent.name not in CHAPTERS or not docs:
        raise ValueError(f"{path}: see CONTRIBUTING.md for the form of a script")
    try:
        met = tuple(map(symptoms.parse, symptoms.LINE.findall(rest)))
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None
    why = symptoms.LINE.sub("", DOCS.sub("", rest)).strip()
    return Entry(int(name[1]), path, claim, why, docs, met, tuple(_cures(tree)), _since(tree))


def _cures(tree: ast.Module) -> Iterator[tuple[str, str]]:
    for node in tree.body:
        if isinstance(node, ast.AsyncFunctionDef):
            marks = {ast.unparse(each).partition("(")[0] for each in node.decorator_list}
            if "right" in marks:
                yield node.name, ast.get_docstring(node) or ""


def _since(tree: ast.Module) -> str | None:
    for node in tree.body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "SINCE":
            return str(ast.literal_eval(node.value))
    return None


def select(words: Iterable[str], chapter: str | None = None) -> list[Entry]:
    """The scripts that words such as "1" and "5-7" name, or all; of one chapter, if one is given.

    Raises CouldNotRun for a word that names no script, and for an unknown chapter.
    """
    entries = catalogue()
    numbers = [number for word in words for number in _numbers(word, entries)]
    folder = chapter and chapter.replace("-", "_")
    if folder is not None and folder not in CHAPTERS:
        names = ", ".join(CHAPTERS)
        raise CouldNotRun(f"there is no chapter {chapter!r}", "--chapter", f"one of {names}")
    wanted = set(numbers) or {entry.number for entry in entries}
    return [e for e in entries if e.number in wanted and folder in (None, e.chapter)]


def _numbers(word: str, entries: list[Entry]) -> list[int]:
    first, _, last = word.removeprefix("test").partition("-")
    if not (first.isdecimal() and (last or first).isdecimal()):
        raise CouldNotRun(
            f"{word!r} is no script's number", "the command line", "such as 1, or 5-7"
        )
    low, high = int(first), int(last or first)
    found = [entry.number for entry in entries if low <= entry.number <= high]
    if not found:
        raise CouldNotRun(f"there is no script {word}", "the command line", "orm-async-tests list")
    return found
