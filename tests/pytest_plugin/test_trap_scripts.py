"""What docs/pytest_plugin.md says of each wrong way of the trap scripts is so."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

from orm_async_tests import db
from tests.pytest_plugin.suites.wrong import CHAPTERS, wrong
from tests.pytest_plugin.test_plugin import BASELINE, INI, PLUGIN, ROOT, RUNNERS, SUITES

DOCS = ROOT / "docs/pytest_plugin.md"
ROW = re.compile(r"^\| `(test\d+)` (\w+) \| (.+) \|$", re.MULTILINE)
NOTE = re.compile(r"async-orm: (\S+ was (?:never loaded|expired))")


def promised(heading: str) -> dict[str, str]:
    """A table of the document: the second cell, by script and way."""
    _, _, rest = DOCS.read_text("utf-8").partition(f"### {heading}\n")
    return {
        f"{script}.{variant}": said
        for script, variant, said in ROW.findall(rest.partition("\n#")[0])
    }


def variants(chapter: str) -> set[str]:
    """The wrong ways of a chapter, by script and name."""
    return {f"{command}.{variant.name}" for command, _, variant in wrong(chapter)}


def found(folder: Path, database: db.Database, driver: str, chapter: str) -> dict[str, set[str]]:
    """Findings and notes, by script and way, of a run of pytest."""
    (folder / "pytest.ini").write_text(INI)
    (folder / "ways.py").write_bytes((SUITES / "trapped.py").read_bytes())
    url = database.url.set(drivername=f"postgresql+{driver}")
    told = {"URL": url.render_as_string(hide_password=False), "CHAPTER": chapter}
    environment = {
        **os.environ,
        **told,
        "PYTHONPATH": str(ROOT),
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
    }
    options = (*BASELINE, "--async-orm-baseline-write", "--junit-xml", "junit.xml")
    command = [sys.executable, "-m", "pytest", *PLUGIN, "-p", RUNNERS["asyncio"], *options]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    assert done.returncode in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED), done.stdout
    known = json.loads((folder / "known.json").read_text("utf-8"))
    seen = {re.sub(r".*\[|\]", "", test): set(kinds) for test, kinds in known.items()}
    for case in ElementTree.parse(folder / "junit.xml").getroot().iter("testcase"):
        variant = re.sub(r".*\[|\]", "", case.get("name", ""))
        notes = NOTE.findall("".join(each.text or "" for each in case.iter("failure")))
        seen[variant] = seen.get(variant, set()) | set(notes)
    return seen


def test_each_wrong_way_is_promised_or_has_a_reason() -> None:
    caught, missed = promised("Found"), promised("Not found")
    assert caught.keys() | missed.keys() == set().union(*map(variants, CHAPTERS))
    assert not caught.keys() & missed.keys()


@pytest.mark.parametrize("driver", db.DRIVERS)
@pytest.mark.parametrize("chapter", CHAPTERS)
def test_as_a_users_test_each_gets_what_is_promised_and_no_more(
    tmp_path: Path, database: db.Database, driver: str, chapter: str
) -> None:
    seen, said = found(tmp_path, database, driver, chapter), promised("Found")
    must = {
        variant: set(re.findall("`(.+?)`", said.get(variant, ""))) for variant in variants(chapter)
    }
    may = {variant: set(re.findall(r"\*(.+?)\*", said.get(variant, ""))) for variant in must}
    assert {variant: kinds - may[variant] for variant, kinds in seen.items()} == must
