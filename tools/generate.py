"""Write what follows from the list of scripts: entry points, the chapters' tables.

python tools/generate.py            write what is stale
python tools/generate.py --check    name what is stale, and exit with 1 if anything is
python tools/generate.py --record   run scripts, and write what they show into README and docs
"""

import argparse
import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from orm_async_tests import catalogue
from orm_async_tests.catalogue import SCRIPTS, Chapter, ScriptFile
from orm_async_tests.symptoms import Symptom

ROOT = Path(__file__).parent.parent
README, PYPROJECT = ROOT / "README.md", ROOT / "pyproject.toml"
EXAMPLE, ISOLATION = "5", ROOT / "docs/isolation.md"
COMMAND = "python tools/generate.py"


def main() -> int:
    """Write, or check, every generated text."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--record", action="store_true")
    arguments = parser.parse_args()
    wanted = recorded() if arguments.record else texts()
    stale = [path for path, text in wanted.items() if not holds(path, text)]
    if arguments.check and stale:
        names = ", ".join(str(path.relative_to(ROOT)) for path in stale)
        print(f"stale: {names}\n  type: {COMMAND}", file=sys.stderr)
        return 1
    for path in stale:
        path.write_text(wanted[path], "utf-8")
    return 0


def holds(path: Path, text: str) -> bool:
    """Whether the file has this text."""
    return path.exists() and path.read_text("utf-8") == text


def texts() -> dict[Path, str]:
    """What each file should hold."""
    entries = catalogue.read_scripts()
    chapters = list(catalogue.group_by_chapter(entries))
    return {
        README: between(README, "chapters", index(chapters)),
        PYPROJECT: between(PYPROJECT, "scripts", entry_points(entries)),
        **{SCRIPTS / each.name / "README.md": page(each) for each in chapters},
    }


def between(path: Path, name: str, lines: Iterable[str]) -> str:
    """The file's text with other lines between its two comments of this name."""
    first, last = rf"^(?:<!--|#) {name}:", rf"^(?:<!--|#) /{name}\b"
    pattern = re.compile(rf"({first}.*?\n).*?({last})", re.DOTALL | re.MULTILINE)
    text = path.read_text("utf-8")
    if not pattern.search(text):
        raise SystemExit(f"{path.name} has no comments '{name}:' and '/{name}'")
    body = "".join(f"{line}\n" for line in lines)
    return pattern.sub(lambda found: f"{found[1]}{body}{found[2]}", text)


def entry_points(entries: Iterable[ScriptFile]) -> Iterator[str]:
    """The console commands of pyproject.toml."""
    for entry in entries:
        yield f'{entry.command} = "orm_async_tests.scripts:{entry.command}"'


def index(chapters: Iterable[Chapter]) -> Iterator[str]:
    """The README's table of chapters."""
    rows = [["Chapter", "Scripts", "About"]]
    for each in chapters:
        link = f"[{each.title}](src/orm_async_tests/scripts/{each.name})"
        rows.append([link, str(len(each.scripts)), each.introduction.replace("\n", " ")])
    yield from table(rows)


def page(chapter: Chapter) -> str:
    """A chapter's README, which GitHub shows under the listing of its folder."""
    rows = [["Run", "Shows", "Met as"]]
    for entry in chapter.scripts:
        link = f"[`{entry.command}`]({entry.path.name})"
        rows.append([link, entry.claim, "<br>".join(map(met_as, entry.symptoms))])
    parts = [f"# {chapter.title}", chapter.introduction, "\n".join(table(rows))]
    return "\n\n".join([*parts, f"Written by `{COMMAND}`."]) + "\n"


def met_as(symptom: Symptom) -> str:
    """The error by which a person meets a script, as short as it is still found by."""
    words = symptom.error, symptom.code or symptom.sqlstate, symptom.fragment
    return f"`{' '.join(filter(None, words))}`"


def table(rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """Rows of words as a table of Markdown; the first row is the head."""
    for number, row in enumerate(rows):
        yield f"| {' | '.join(row)} |"
        if number == 0:
            yield f"|{' --- |' * len(row)}"


def recorded() -> dict[Path, str]:
    """What the example and the scripts of anomalies show now, on the embedded server."""
    from orm_async_tests import db
    from orm_async_tests.harness.report import render
    from orm_async_tests.harness.run import anomalies, runner
    from orm_async_tests.harness.script import Script

    with db.open_database("embedded", "asyncpg") as database:
        (example,) = catalogue.select([EXAMPLE])
        result = runner.run_script(Script.of(example.load()), database)
        shown = [text for _, text in render.render_full(result)]
        scripts = [Script.of(entry.load()) for entry in catalogue.select([], "isolation")]
        rows = list(
            anomalies.table(runner.run_script(each, database).observations for each in scripts)
        )
    return {
        README: between(README, "output", ["```", *shown, "```"]),
        ISOLATION: between(ISOLATION, "table", table(rows)),
    }


if __name__ == "__main__":
    raise SystemExit(main())
