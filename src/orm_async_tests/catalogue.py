"""Finds the numbered scripts and reads their texts without importing them."""

import importlib
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import ModuleType

from orm_async_tests import symptoms
from orm_async_tests.errors import CouldNotRun
from orm_async_tests.symptoms import Symptom

SCRIPTS = Path(__file__).parent / "scripts"
FILE_NAME = re.compile(r"test(\d{3,})_(\w+)\.py")
DOCS = re.compile(r"^Docs: *(.+)$", re.MULTILINE)
# The name and the label of a right variant. To parse all scripts with `ast` would take 0.2 s.
RIGHT = re.compile(r'^@right\b.*?^async def (\w+).*?"""(.+?)"""', re.DOTALL | re.MULTILINE)
FORM = 'read the section "The form of a script" of CONTRIBUTING.md'
SINCE = re.compile(r'^SINCE = "(.+?)"', re.MULTILINE)
CHAPTERS = tuple(  # folders of scripts, in the order in which they are listed
    """concurrency implicit_io loading streaming transactions writing isolation pool cancellation
    poolers driver bridge web testing migrations replication""".split()  # noqa: SIM905
)
LEARNING_PATH = {  # the scripts to read first, in this order: number and lesson
    5: "Lazy loading raises MissingGreenlet under asyncio.",
    14: "Loader options prevent lazy loads, and differ in how many statements they send.",
    6: "A commit expires the attributes of objects unless you set expire_on_commit=False.",
    16: "A session rolls back unless you commit it or use begin(), which commits for you.",
    18: "A single SELECT opens a transaction, and the session keeps the transaction open.",
    20: "After an SQL error, roll back before you use the session again.",
    19: "After an error, a rollback to a savepoint undoes only the changes after the savepoint.",
    1: "Use one session per task.",
    24: "Sharing a session between tasks often works, so tests do not catch the mistake.",
    32: "A task that holds one connection and asks for another can deadlock the pool.",
    33: "A pooled connection can die while it is idle, and pool_pre_ping detects this.",
    2: "The stream of a session saves memory only with yield_per.",
    34: "Cancelling a task also cancels its query and returns its connection.",
    50: "A FastAPI dependency with yield commits after the response has been sent.",
    162: "Isolate tests from each other with a savepoint, TRUNCATE or a clone of the database.",
}


@dataclass(frozen=True)
class ScriptFile:
    number: int
    path: Path
    claim: str
    why: str
    docs: tuple[str, ...]
    symptoms: tuple[Symptom, ...]  # errors that lead a reader to this script
    right_variants: tuple[tuple[str, str], ...]  # name and label
    since: str | None  # the SQLAlchemy versions that it needs
    code: str  # everything below the docstring

    @property
    def command(self) -> str:
        return f"test{self.number}"

    @property
    def chapter(self) -> str:
        return self.path.parent.name

    @property
    def module(self) -> str:
        return f"orm_async_tests.scripts.{self.chapter}.{self.path.stem}"

    def load(self) -> ModuleType:
        return importlib.import_module(self.module)


@dataclass(frozen=True)
class Chapter:
    """A folder of scripts about one subject."""

    name: str
    title: str
    introduction: str
    scripts: tuple[ScriptFile, ...]


def read_scripts() -> list[ScriptFile]:
    """Return all scripts, ordered by number. Raise CouldNotRun if a script is malformed."""
    return [_read_script(number, path) for number, path in _find_files().items()]


def learning_path() -> list[tuple[ScriptFile, str]]:
    files = _find_files()
    path = LEARNING_PATH.items()
    return [(_read_script(number, files[number]), lesson) for number, lesson in path]


def group_by_chapter(scripts: Iterable[ScriptFile]) -> Iterator[Chapter]:
    all_scripts = list(scripts)
    for name in CHAPTERS:
        if in_chapter := tuple(script for script in all_scripts if script.chapter == name):
            title, introduction, _ = _split((SCRIPTS / name / "__init__.py").read_text("utf-8"))
            yield Chapter(name, title.rstrip("."), introduction, in_chapter)


def _split(source: str) -> tuple[str, str, str]:
    """Split a module into the first line of its docstring, the other lines, and the code."""
    docstring, _, code = source.removeprefix('"""').partition('"""')
    summary, _, prose = docstring.partition("\n\n")
    return summary.strip(), prose.strip(), code


def split_prose(prose: str) -> tuple[str, tuple[str, ...]]:
    """Return the explanation and the links in the docstring of a script."""
    return symptoms.SENTENCE.sub("", DOCS.sub("", prose)).strip(), tuple(DOCS.findall(prose))


def _find_files() -> dict[int, Path]:
    files: dict[int, Path] = {}
    for path in sorted(SCRIPTS.glob("*/test*.py")):
        if (name := FILE_NAME.fullmatch(path.name)) is None:
            problem, remedy = "the file does not have the name of a script", "testNNN_subject.py"
            raise CouldNotRun(problem, str(path), f"rename the file, for example to {remedy}")
        if int(name[1]) in files:
            remedy = "rename the file, and use the highest number of any script plus 1"
            raise CouldNotRun("another script has this number", str(path), remedy)
        files[int(name[1])] = path
    return dict(sorted(files.items()))


@cache
def _read_script(number: int, path: Path) -> ScriptFile:
    claim, prose, code = _split(path.read_text("utf-8"))
    why, docs = split_prose(prose)
    if path.parent.name not in CHAPTERS:
        remedy = "add its name to the list CHAPTERS of catalogue.py"
        raise CouldNotRun(f"there is no chapter {path.parent.name!r}", str(path), remedy)
    try:
        if not docs:
            raise ValueError("the script's docstring has no line that begins with `Docs:`")
        errors = tuple(map(symptoms.parse, symptoms.SENTENCE.findall(prose)))
    except ValueError as error:
        raise CouldNotRun(str(error), str(path), FORM) from None
    right = tuple((name, " ".join(label.split())) for name, label in RIGHT.findall(code))
    since = SINCE.search(code)
    return ScriptFile(
        number, path, claim, why, docs, errors, right, since and since[1], code.lstrip("\n")
    )


def select(words: Iterable[str], chapters: Iterable[str] = ()) -> list[ScriptFile]:
    """Return the selected scripts, ordered by number.

    The words are numbers or ranges, for example "1" or "5-7". Without words or chapters, return all
    scripts.
    """
    files = _find_files()
    numbers = {number for word in words for number in _numbers(word, files)} or files.keys()
    folders = [chapter.replace("-", "_") for chapter in chapters]
    for folder in folders:
        if folder not in CHAPTERS:
            remedy = f"choose one of {', '.join(CHAPTERS)}"
            raise CouldNotRun(f"there is no chapter {folder!r}", "--chapter", remedy)
    scripts = [
        _read_script(number, path)
        for number, path in files.items()
        if number in numbers and (not folders or path.parent.name in folders)
    ]
    if not scripts:
        problem = f"none of these scripts is in the chapter {' or '.join(folders)}"
        raise CouldNotRun(problem, "--chapter", "omit the numbers, or omit --chapter")
    return scripts


def select_one(word: str) -> ScriptFile:
    scripts = select([word])
    if len(scripts) > 1:
        raise CouldNotRun(
            f"{word} names {len(scripts)} scripts, and this command takes one",
            "the command line",
            f"type only one number, for example {scripts[0].number}",
        )
    return scripts[0]


def _numbers(word: str, existing: Iterable[int]) -> list[int]:
    match = re.fullmatch(r"(?:test)?([0-9]{1,9})(?:-([0-9]{1,9}))?", word)
    if match is None:
        raise CouldNotRun(
            f"{word!r} is not the number of a script",
            "the command line",
            "type the number of a script or a range of numbers, for example 1 or 5-7",
        )
    low, high = int(match[1]), int(match[2] or match[1])
    numbers = [number for number in existing if low <= number <= high]
    if not numbers:
        raise CouldNotRun(f"there is no script {word}", "the command line", "orm-async-tests list")
    return numbers
