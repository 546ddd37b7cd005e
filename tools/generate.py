"""Write the generated texts, for example the tables of scripts.

`./poetryw run nox -s generate` updates the outdated texts.
`./poetryw run nox -s generate -- --check` names outdated files, and exits with 1 if there are any.
`./poetryw run nox -s generate -- --record` runs scripts, and writes their output into the docs.
"""

import argparse
import re
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from orm_async_tests import catalogue
from orm_async_tests.catalogue import SCRIPTS, Chapter, ScriptFile
from orm_async_tests.command_options import CommandParser
from orm_async_tests.errors import CouldNotRun
from orm_async_tests.exit_codes import run_command
from orm_async_tests.html_report.recorded_tables import PACKAGED, RECORDED, read_section
from orm_async_tests.lint.rule_pages import render_page as render_rule_page
from orm_async_tests.lint.rules import RULES
from orm_async_tests.matrix.expected_differences import read_expected
from orm_async_tests.questions import Question, group_by_subject, read_cure_lines, read_questions
from orm_async_tests.symptoms import Symptom
from orm_async_tests.terminal import render_markdown

ROOT = Path(__file__).parent.parent
README, PYPROJECT = ROOT / "README.md", ROOT / "pyproject.toml"
QUESTIONS = ROOT / "docs/questions.md"
EXAMPLE, ISOLATION = "5", ROOT / "docs/isolation.md"
MATRIX = ROOT / "docs/matrix.md"
LINT, RULE_PAGES = ROOT / "docs/lint.md", ROOT / "docs/rules"
COMMAND = "./poetryw run nox -s generate"
FOOTER = f"The command `{COMMAND}` writes this page."
FROM_DOCS = "../src/orm_async_tests/scripts"  # the scripts' folder, from docs/
ABOUT_QUESTIONS = """\
This page lists questions about async SQLAlchemy. Each question links to its source: a
public discussion, a page of documentation or an article.

Below each group of questions, a link leads to the script that answers these questions. Each script
runs wrong code beside right code and proves its claim. The command `orm-async-tests run 6 -v` runs
the script `test6`. To find the answer to your own question, type `orm-async-tests why "words of
your question"`. To find the cause of an error, type `orm-async-tests why "text of the error"`."""

ABOUT_ERRORS = "Scripts that explain each error:"


def main() -> int:
    parser = CommandParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--record", action="store_true")
    arguments = parser.parse_args()
    texts = record_texts() if arguments.record else generate_texts()
    stale = [
        path for path, text in texts.items() if not path.exists() or path.read_text("utf-8") != text
    ]
    if arguments.check and stale:
        names = ", ".join(str(path.relative_to(ROOT)) for path in stale)
        print(f"stale: {names}\n  type: {COMMAND}", file=sys.stderr)
        return 1
    for path in stale:
        path.write_text(texts[path], "utf-8")
    return 0


def generate_texts() -> dict[Path, str]:
    scripts = catalogue.read_scripts()
    chapters = list(catalogue.group_by_chapter(scripts))
    readme = replace_section(README, "path", list_learning_path())
    commands = [script.command for script in scripts]
    entry_points = [f'{name} = "orm_async_tests.scripts:{name}"' for name in commands]
    return {
        README: replace_section(README, "chapters", list_chapters(chapters), readme),
        PYPROJECT: replace_section(PYPROJECT, "scripts", entry_points),
        QUESTIONS: render_questions(read_questions(), scripts),
        MATRIX: replace_section(MATRIX, "expected", list_expected_differences()),
        LINT: replace_section(LINT, "rules", list_rules()),
        RECORDED: "\n".join(
            f"<!-- {name}: copied from docs/{page} by tools/generate.py -->\n"
            + read_section(page, name).partition("\n\n")[0]
            + "\n"
            for page, name in PACKAGED
        ),
        **{
            RULE_PAGES / f"{code}.md": f"{render_rule_page(rule)}\n{FOOTER}\n"
            for code, rule in RULES.items()
        },
        **{SCRIPTS / chapter.name / "README.md": render_page(chapter) for chapter in chapters},
    }


def replace_section(path: Path, name: str, lines: Iterable[str], text: str = "") -> str:
    """Return the text of a file with new lines between the comments `name:` and `/name`.

    To replace several sections, pass the result of the previous call as `text`.
    """
    first, last = rf"^(?:<!--|#) {name}:", rf"^(?:<!--|#) /{name}\b"
    pattern = re.compile(rf"({first}.*?\n).*?({last})", re.DOTALL | re.MULTILINE)
    text = text or path.read_text("utf-8")
    if not pattern.search(text):
        problem = f"the file has no comments `{name}:` and `/{name}`"
        remedy = f"<!-- {name}: --> and <!-- /{name} --> into the file"
        raise CouldNotRun(problem, str(path), remedy)
    body = "".join(f"{line}\n" for line in lines)
    return pattern.sub(lambda match: f"{match[1]}{body}{match[2]}", text)


def list_learning_path() -> Iterator[str]:
    for script, lesson in catalogue.learning_path():
        path = f"src/orm_async_tests/scripts/{script.chapter}/{script.path.name}"
        yield f"- [`{script.command}`]({path}): {lesson}"


def list_chapters(chapters: Iterable[Chapter]) -> Iterator[str]:
    rows = [["Chapter", "Scripts", "About"]]
    for chapter in chapters:
        link = f"[{chapter.title}](src/orm_async_tests/scripts/{chapter.name})"
        introduction = chapter.introduction.replace("\n", " ")
        rows.append([link, str(len(chapter.scripts)), introduction])
    yield from render_markdown(rows)


def render_page(chapter: Chapter) -> str:
    rows = [["Script", "Claim"]]
    commands = defaultdict[str, list[str]](list)
    for script in chapter.scripts:
        rows.append([f"[`{script.command}`]({script.path.name})", script.claim])
        for error in dict.fromkeys(map(shorten_symptom, script.symptoms)):
            commands[error].append(script.command)
    errors = "\n".join(f"{error}\n    {', '.join(names)}" for error, names in commands.items())
    parts = [f"# {chapter.title}", chapter.introduction, "\n".join(render_markdown(rows))]
    parts += ["## Errors", ABOUT_ERRORS, f"```text\n{errors}\n```"]
    return "\n\n".join([*parts, FOOTER]) + "\n"


def list_rules() -> Iterator[str]:
    rows = [["Rule", "Finds", "By default", "Shown by"]]
    for code, rule in RULES.items():
        numbers = ", ".join(f"`test{number}`" for number in rule.scripts)
        link = f"[{code}](rules/{code}.md) {rule.name}"
        rows.append([link, rule.summary, "on" if rule.is_default else "off", numbers])
    yield from render_markdown(rows)


def list_expected_differences() -> Iterator[str]:
    rows = [["Which scripts fail", "Why"]]
    for entry in read_expected():
        *others, last = (f"`test{number}`" for number in sorted(entry.numbers))
        scripts = f"{', '.join(others)} and {last}" if others else last
        verb = ("fail" if others else "fails") if entry.always else "may fail"
        rows.append([f"{scripts} {verb} if {entry.when}.", entry.why])
    yield from render_markdown(rows)


def shorten_symptom(symptom: Symptom) -> str:
    """Return the shortest text with which `orm-async-tests why` finds the script."""
    words = symptom.error, symptom.code or symptom.sqlstate, symptom.fragment
    return " ".join(filter(None, words))


def render_questions(questions: Iterable[Question], scripts: Iterable[ScriptFile]) -> str:
    files = {script.number: script for script in scripts}
    by_subject = group_by_subject(questions)
    contents = (f"- [{name}](#{name.lower().replace(' ', '-')})" for name in by_subject)
    parts = ["# Questions", ABOUT_QUESTIONS, "\n".join(contents)]
    for subject, group in by_subject.items():
        parts += [f"## {subject}", *_render_subject(group, files)]
    return "\n\n".join([*parts, FOOTER]) + "\n"


def _render_subject(group: Iterable[Question], files: dict[int, ScriptFile]) -> Iterator[str]:
    by_script = defaultdict[int | None, list[Question]](list)
    for question in group:
        by_script[question.script].append(question)
    unanswered = by_script.pop(None, [])
    for number, answered in by_script.items():
        yield "\n".join(map(_render_question, answered))
        yield "\n".join(_render_answer(files[number or 0], answered))
    if unanswered:
        yield "No script answers the following questions:"
        yield "\n".join(f"{_render_question(item)}  \n  {item.reason}" for item in unanswered)


def _render_question(question: Question) -> str:
    error = f"\n  ```text\n  {question.error}\n  ```" if question.error else ""
    return f"- [{question.text}]({question.link}){error}"


def _render_answer(script: ScriptFile, questions: Sequence[Question]) -> Iterator[str]:
    link = f"[`{script.command}`]({FROM_DOCS}/{script.chapter}/{script.path.name})"
    answers = dict.fromkeys(question.answer for question in questions if question.answer)
    yield " ".join([f"{link}: {script.claim}", *answers])
    if lines := read_cure_lines().get(script.number):
        yield "\n".join(["", "```", *lines, "```"])
    elif script.right_variants:
        yield f"The script `{script.command}` shows the right way: {script.right_variants[0][1]}."


def record_texts() -> dict[Path, str]:
    """Run scripts, and return the README and the page about isolation with the new results."""
    from orm_async_tests import db
    from orm_async_tests.harness.report import render
    from orm_async_tests.harness.run import anomalies, runner
    from orm_async_tests.harness.script import Script

    with db.open_database("embedded", "asyncpg") as database:
        (example,) = catalogue.select([EXAMPLE])
        result = runner.run_script(Script.of(example.load()), database)
        output = [text for _, text in render.render_full(result)]
        scripts = [Script.of(script.load()) for script in catalogue.select([], ["isolation"])]
        runs = (runner.run_script(script, database).observations for script in scripts)
        rows = list(anomalies.tabulate_anomalies(runs))
    return {
        README: replace_section(README, "output", ["```", *output, "```"]),
        ISOLATION: replace_section(ISOLATION, "table", render_markdown(rows)),
    }


if __name__ == "__main__":
    sys.exit(run_command(main))
