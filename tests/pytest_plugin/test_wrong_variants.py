"""docs/pytest_plugin.md lists the plugin's findings in the wrong variants of three chapters."""

import json
import re
from pathlib import Path
from xml.etree import ElementTree

import pytest

from orm_async_tests import db
from tests.pytest_plugin.pytest_runs import ROOT, copy_suites, run_pytest
from tests.pytest_plugin.suites.wrong_variants import CHAPTERS, wrong_variants
from tests.pytest_plugin.test_plugin import WRITE

PAGE = ROOT / "docs/pytest_plugin.md"
ROW = re.compile(r"^\| `(test\d+)` (\w+) \| (.+) \|$", re.MULTILINE)
NOTE = re.compile(r"async-orm: (\S+ was (?:never loaded|expired))")
PARAMETER = re.compile(r".*\[|\]")  # the text around the parameter in a test's id


def read_table(heading: str) -> dict[str, str]:
    """Map scripts and variants to the second column of a table of the page."""
    _, _, rest = PAGE.read_text("utf-8").partition(f"### {heading}\n")
    table = rest.partition("\n#")[0]
    return {f"{script}.{variant}": cell for script, variant, cell in ROW.findall(table)}


def run_variants(
    folder: Path, database: db.Database, driver: str, chapters: tuple[str, ...]
) -> dict[str, set[str]]:
    """Run every wrong variant as a user's test, and return its findings and notes."""
    copy_suites(folder, "wrong_variants_suite.py")
    url = database.url.set(drivername=f"postgresql+{driver}")
    options = (*WRITE, "--junit-xml", "junit.xml")
    result = run_pytest(folder, url, *options, CHAPTERS=" ".join(chapters))
    assert result.ret in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED)
    known = json.loads((folder / "known.json").read_text("utf-8"))
    reports = {PARAMETER.sub("", test): set(kinds) for test, kinds in known.items()}
    for case in ElementTree.parse(folder / "junit.xml").getroot().iter("testcase"):
        variant = PARAMETER.sub("", case.get("name", ""))
        failures = "".join(failure.text or "" for failure in case.iter("failure"))
        reports[variant] = reports.get(variant, set()) | set(NOTE.findall(failures))
    return reports


def test_the_page_lists_every_wrong_variant_once() -> None:
    detected, undetected = read_table("Detected"), read_table("Not detected")
    names = {f"{command}.{variant.name}" for command, _, variant in wrong_variants()}
    assert detected.keys() | undetected.keys() == names
    assert not detected.keys() & undetected.keys()


@pytest.mark.parametrize(
    ("driver", "chapters"),
    [
        ("asyncpg", ("concurrency",)),
        pytest.param("asyncpg", CHAPTERS, marks=pytest.mark.thorough),
        pytest.param("psycopg", CHAPTERS, marks=pytest.mark.thorough),
    ],
)
def test_each_wrong_variant_gets_exactly_the_documented_findings(
    tmp_path: Path, database: db.Database, driver: str, chapters: tuple[str, ...]
) -> None:
    reports, cells = run_variants(tmp_path, database, driver, chapters), read_table("Detected")
    names = {f"{command}.{variant.name}" for command, _, variant in wrong_variants(chapters)}
    cells = {name: cell for name, cell in cells.items() if name in names}
    required = {name: set(re.findall("`(.+?)`", cells.get(name, ""))) for name in reports}
    allowed = {name: set(re.findall(r"\*(.+?)\*", cells.get(name, ""))) for name in reports}
    assert cells.keys() <= reports.keys()
    assert {name: kinds - allowed[name] for name, kinds in reports.items()} == required
