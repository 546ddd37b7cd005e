"""A control that is not caught is a failure."""

import sys
from pathlib import Path

import pytest
from tools import controls
from tools.controls import Control

from orm_async_tests import db
from orm_async_tests.errors import CouldNotRun
from orm_async_tests.versions.releases import folder
from tests.conftest import with_url

SWEEP = ("--pattern", "copy_first", "--fault", "timeout")


@pytest.fixture(autouse=True)
def own(database: db.Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """Sweeps run in this worker's database, and the command without arguments."""
    monkeypatch.setenv("DATABASE_URL", with_url(database)["DATABASE_URL"])
    monkeypatch.setattr(sys, "argv", ["controls.py"])


def test_what_is_found_and_what_is_not_are_told_apart(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    found, missed = Control("one", SWEEP, "partly", 3), Control("two", SWEEP, "lost", 1)
    monkeypatch.setattr(controls, "CONTROLS", (found, missed))
    assert controls.main() == 1
    out = capsys.readouterr().out
    assert "caught  one" in out
    assert "MISSED  two" in out

    monkeypatch.setattr(controls, "CONTROLS", (found,))
    assert controls.main() == 0


def test_a_control_whose_sweep_cannot_run_is_no_control() -> None:
    with pytest.raises(CouldNotRun, match="ended with 2"):
        Control("three", ("--pattern", "nothing"), "lost", 1).seen()


def test_a_control_on_another_release_than_its_own_is_no_control(home: Path) -> None:
    folder("sqlalchemy", "0.0.0", home).mkdir(parents=True)  # and SQLAlchemy is not in it
    control = Control("four", SWEEP, "partly", 1, {"sqlalchemy": "0.0.0"})
    with pytest.raises(CouldNotRun, match="in its place"):
        control.seen()


def test_controls_are_chosen_by_a_word_of_their_names() -> None:
    assert [each.sweep for each in controls.chosen(["COPY"])] == [controls.CONTROLS[0].sweep]
    with pytest.raises(CouldNotRun, match="flood"):
        controls.chosen(["flood"])


def test_each_control_has_a_name_of_its_own() -> None:
    names = [each.name for each in controls.CONTROLS]
    assert len(set(names)) == len(names) == 6
