"""The subcommands `orm-async-tests list` and `explain`."""

import argparse
import re
import sys
from collections.abc import Sequence

from orm_async_tests import catalogue, search, terminal
from orm_async_tests.catalogue import ScriptFile
from orm_async_tests.errors import CouldNotRun

MAX_MATCHES = 10  # scripts that `list WORD` prints
RULE_PREFIX = "OAT"  # of the codes of the checker's rules
NO_MATCH = 1  # the exit code if no script matches
VERSION = re.compile(r"\d+(\.\d+)*")


def list_scripts(arguments: argparse.Namespace) -> int:
    if arguments.path:
        if arguments.words or arguments.chapter or arguments.since:
            problem = "--path always lists the same scripts, so it takes no words or other options"
            raise CouldNotRun(problem, "the command line", "orm-async-tests list --path")
        for position, (script, lesson) in enumerate(catalogue.learning_path(), start=1):
            print(f"{position:2}. {script.command:>7}  {script.claim}\n{'':13}{lesson}")
        return 0
    scripts = catalogue.select([], arguments.chapter)
    if version := arguments.since:
        if not VERSION.fullmatch(version):
            remedy = "a version of SQLAlchemy, for example 2.1"
            raise CouldNotRun(f"{version!r} is not a version", "--since", remedy)
        scripts = [script for script in scripts if _is_since(script, version)]
    if arguments.words:
        return _list_by_words(scripts, " ".join(arguments.words))
    if not scripts:
        return _report_no_match(f"no script is about a feature of SQLAlchemy {version}")
    for chapter in catalogue.group_by_chapter(scripts):
        print(f"{chapter.title} ({chapter.name})")
        for script in chapter.scripts:
            print(f"  {script.command:>7}  {script.claim}")
    return 0


def _is_since(script: ScriptFile, version: str) -> bool:
    newest = (script.since or "0").rpartition(" or ")[2]
    numbers, wanted = (re.findall(r"\d+", text) for text in (newest, version))
    return [*map(int, numbers)] >= [*map(int, wanted)]


def _list_by_words(scripts: Sequence[ScriptFile], words: str) -> int:
    by_number = {script.number: script for script in scripts}
    for all_words in (True, False):
        numbers = search.find_by_words(words, all_words=all_words)
        if matching := [by_number[n] for n in numbers if n in by_number]:
            break
    for script in matching[:MAX_MATCHES]:
        print(f"{script.command:>9}  {script.claim}")
    if len(matching) > MAX_MATCHES:
        print(
            f"{MAX_MATCHES} of {len(matching)} scripts\n"
            "  to see other scripts, add a word or --chapter NAME",
            file=sys.stderr,
        )
    return 0 if matching else _report_no_match("no script contains these words")


def _report_no_match(problem: str) -> int:
    print(f"{problem}\n  to see all scripts, type: orm-async-tests list", file=sys.stderr)
    return NO_MATCH


def explain(arguments: argparse.Namespace) -> int:
    codes = [word for word in arguments.numbers if word.upper().startswith(RULE_PREFIX)]
    numbers = [word for word in arguments.numbers if word not in codes]
    if codes:
        from orm_async_tests.lint.rule_pages import find_rule, render_page

        print("\n".join(render_page(find_rule(code)) for code in codes), end="")
    if not numbers:
        return 0
    for position, script in enumerate(catalogue.select(numbers)):
        if position or codes:
            print()
        links = "\n".join(script.docs)
        print(f"{script.command}: {script.claim}\n\n{script.why}\n\n{links}\n")
        terminal.print_python(script.code)
    return 0
