"""Write a page for each chapter into site/: the scripts' prose and code, and what they showed.

python tools/site.py    runs every script on the embedded server; site/ is not kept in git
"""

from collections.abc import Iterator
from pathlib import Path

from orm_async_tests import catalogue, db
from orm_async_tests.catalogue import Chapter, ScriptFile
from orm_async_tests.harness.report.render import whole
from orm_async_tests.harness.report.result import Result
from orm_async_tests.harness.run.runner import run_script
from orm_async_tests.harness.script import Script

SITE = Path(__file__).parent.parent / "site"


def main() -> None:
    """Run the scripts and write the pages."""
    SITE.mkdir(exist_ok=True)
    with db.open_database("embedded") as database:
        for chapter in catalogue.group_by_chapter(catalogue.read_scripts()):
            results = [run_script(Script.of(entry.load()), database) for entry in chapter.scripts]
            text = "\n\n".join(page(chapter, results)) + "\n"
            (SITE / f"{chapter.name}.md").write_text(text, "utf-8")


def page(chapter: Chapter, results: list[Result]) -> Iterator[str]:
    """The parts of a chapter's page."""
    yield f"# {chapter.title}"
    yield chapter.introduction
    for entry, result in zip(chapter.scripts, results, strict=True):
        yield from section(entry, result)


def section(entry: ScriptFile, result: Result) -> Iterator[str]:
    """A script's claim, why, code, and what it showed."""
    code = entry.path.read_text("utf-8").partition('"""\n\n')[2].rstrip()
    yield f"## {entry.command}: {entry.claim}"
    yield entry.why
    yield from (f"Source: <{link}>" for link in entry.docs)
    yield f"```python\n{code}\n```"
    yield "```\n" + "\n".join(text for _, text in whole(result)) + "\n```"


if __name__ == "__main__":
    main()
