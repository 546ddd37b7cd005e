"""The HTML report in Chromium: the filter, a script's panel, and the findings of axe-core."""

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, sync_playwright
from playwright.sync_api import Page as BrowserPage

from orm_async_tests import catalogue, db
from tests.cli.commands import orm, orm_process

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
STACKS = 8
LARGEST = 5_000_000  # bytes of a page of all scripts on eight stacks
WIDTHS = (1280, 360)

pytestmark = [
    pytest.mark.thorough,
    pytest.mark.timeout(1200),
    pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium: apt-get install chromium"),
]


@pytest.fixture(scope="module")
def full_run(database: db.Database) -> dict[str, Any]:
    """The document of a run of all scripts."""
    done = orm_process("run", "--all", "--json", on=database)
    document: dict[str, Any] = json.loads(done.stdout)
    return document


@pytest.fixture(scope="module")
def report(full_run: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report of a full run, whose results are repeated for eight stacks."""
    folder = tmp_path_factory.mktemp("report")
    files = []
    for minor in range(STACKS):
        stack = {**full_run["stack"], "python": f"3.{minor}.0"}
        files.append(folder / f"{minor}.json")
        files[-1].write_text(json.dumps({**full_run, "stack": stack}), "utf-8")
    output = folder / "report.html"
    done = orm("report", *map(str, files), "-o", str(output))
    assert (done.returncode, done.stderr) == (0, "")
    return output


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """The system's Chromium, without its sandbox if the tests run as root."""
    options = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=options)
        yield browser
        browser.close()


@pytest.fixture(params=["light", "dark"])
def opened(browser: Browser, report: Path, request: pytest.FixtureRequest) -> Iterator[BrowserPage]:
    """The report in a new window. An error on its console fails the test."""
    context = browser.new_context(color_scheme=request.param, offline=True)
    page = context.new_page()
    errors: list[str] = []
    page.on("console", lambda message: errors.append(message.text))
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(report.as_uri())
    yield page
    context.close()
    assert errors == []


def test_the_report_of_all_scripts_on_eight_stacks_is_small(report: Path) -> None:
    assert report.stat().st_size <= LARGEST


def test_the_filter_shows_the_scripts_that_fit(opened: BrowserPage) -> None:
    opened.get_by_label("Words").fill("QueuePool limit of size")
    assert opened.locator("details.script:visible").count() < len(catalogue.read_scripts()) / 4
    assert opened.locator('.front a[href="#test32"]').is_visible()
    assert opened.locator('.front a[href="#test5"]').is_hidden()
    opened.get_by_label("Words").fill("MissingGreenlet: greenlet_spawn has not been called;")
    assert opened.locator('.front a[href="#test5"]').is_visible()
    opened.get_by_label("Words").fill("")
    opened.get_by_label("Chapter").select_option("isolation")
    chapter = [script for script in catalogue.read_scripts() if script.chapter == "isolation"]
    assert opened.locator("details.script:visible").count() == len(chapter)
    assert opened.locator("#shown").inner_text().startswith(f"{len(chapter)} of ")


def test_a_link_opens_a_script_and_the_keyboard_closes_it(opened: BrowserPage) -> None:
    opened.locator('.front a[href="#test32"]').press("Enter")
    panel = opened.locator("#test32")
    panel.get_by_text("TimeoutError (code 3o7r)", exact=False).first.wait_for()
    assert panel.get_by_text("SELECT count(id) AS count_1 FROM users").first.is_visible()
    opened.locator("details:has(> #test32) > summary").press("Enter")
    panel.wait_for(state="hidden")


def test_a_timeline_is_read_by_its_text(opened: BrowserPage) -> None:
    opened.locator('.front a[href="#test32"]').press("Enter")
    timeline = opened.locator("#test32").get_by_role("img", name="Timeline").first
    assert "for a connection of the pool" in timeline.locator("desc").inner_html()


@pytest.mark.parametrize("width", WIDTHS)
def test_nothing_is_wider_than_the_window(opened: BrowserPage, width: int) -> None:
    opened.set_viewport_size({"width": width, "height": 900})
    for script in ("test1", "test32", "test90"):
        opened.locator(f'.front a[href="#{script}"]').press("Enter")
    assert opened.evaluate("document.documentElement.scrollWidth") <= width


def test_axe_finds_no_serious_issue(opened: BrowserPage) -> None:
    """Test only one chapter of scripts, because axe needs a minute for all chapters."""
    opened.get_by_label("Chapter").select_option("pool")
    opened.locator('.front a[href="#test32"]').press("Enter")
    opened.evaluate("document.querySelectorAll('[hidden]').forEach((item) => item.remove())")
    violations = Axe().run(opened).response["violations"]
    serious = [item for item in violations if item["impact"] in ("serious", "critical")]
    assert [(item["id"], item["nodes"][0]["html"]) for item in serious] == []
