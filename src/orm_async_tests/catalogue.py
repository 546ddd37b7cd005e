"""The numbered scripts, found by their files' names and read without importing them."""

import ast
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from orm_async_tests.errors import CouldNotRun

HERE = Path(__file__).parent / "scripts"
NAME = re.compile(r"test(\d+)_(\w+)\.py")
FIELD = re.compile(r"^(Topic|Docs): *(.+)$", re.MULTILINE)
TOPICS = {
    "streaming": "Originals and streaming",
    "implicit-io": "Implicit IO",
    "loading": "Loading",
    "transactions": "Transactions and savepoints",
    "concurrency": "Concurrency",
    "pool": "The pool",
    "cancellation": "Cancellation and timeouts",
    "driver": "The driver and its types",
    "writing": "Writing",
    "isolation": "Isolation",
    "bridge": "The greenlet bridge and events",
    "web": "Web, tests, migrations",
    "new": "New in SQLAlchemy 2.1",
}


@dataclass(frozen=True)
class Entry:
    """What a script's file says of it."""

    number: int
    path: Path
    claim: str
    why: str
    topic: str
    docs: tuple[str, ...]

    @property
    def command(self) -> str:
        """Such as test5."""
        return f"test{self.number}"

    @property
    def module(self) -> str:
        """Its dotted name."""
        return f"orm_async_tests.scripts.{self.path.stem}"


def catalogue() -> list[Entry]:
    """Every script, by number. Raises ValueError, naming the file, if one is not in the form."""
    return sorted((_read(path) for path in HERE.glob("test*.py")), key=lambda entry: entry.number)


def _read(path: Path) -> Entry:
    name = NAME.fullmatch(path.name)
    doc = ast.get_docstring(ast.parse(path.read_text("utf-8"))) or ""
    claim, _, rest = doc.partition("\n\n")
    fields = FIELD.findall(rest)
    topics = [value for field, value in fields if field == "Topic"]
    docs = tuple(value for field, value in fields if field == "Docs")
    if name is None or len(topics) != 1 or topics[0] not in TOPICS or not docs:
        raise ValueError(f"{path}: see CONTRIBUTING.md for the form of a script")
    return Entry(int(name[1]), path, claim, FIELD.sub("", rest).strip(), topics[0], docs)


def chosen(words: Iterable[str], topic: str | None) -> list[Entry]:
    """The scripts that words such as "1" and "5-7" name, or all; of one topic, if one is given.

    Raises CouldNotRun for a word that names no script, and for an unknown topic.
    """
    entries = catalogue()
    numbers = [number for word in words for number in _numbers(word, entries)]
    if topic is not None and topic not in TOPICS:
        raise CouldNotRun(f"there is no topic {topic!r}", "--topic", f"one of {', '.join(TOPICS)}")
    wanted = set(numbers) or {entry.number for entry in entries}
    return [e for e in entries if e.number in wanted and topic in (None, e.topic)]


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
