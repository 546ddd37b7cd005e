"""A control that reports less than it must is a failure."""

from pathlib import Path

import pytest
from benchmarks import fault_controls
from benchmarks.fault_controls import Control

from orm_async_tests import db
from orm_async_tests.errors import CouldNotRun
from orm_async_tests.versions.releases import release_folder
from tests.conftest import with_url

SWEEP = ("--pattern", "copy_first", "--fault", "timeout")


@pytest.fixture(autouse=True)
def use_database(database: db.Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run the sweeps in the database of this worker."""
    monkeypatch.setenv("DATABASE_URL", with_url(database)["DATABASE_URL"])


@pytest.mark.thorough
def test_a_control_is_caught_or_missed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    caught = Control("one", SWEEP, "partial commit", 3)
    missed = Control("two", SWEEP, "lost commit", 1)
    monkeypatch.setattr(fault_controls, "CONTROLS", (caught, missed))
    assert fault_controls.main([]) == 1
    out = capsys.readouterr().out
    assert "caught  one" in out
    assert "MISSED  two" in out

    monkeypatch.setattr(fault_controls, "CONTROLS", (caught,))
    assert fault_controls.main([]) == 0


def test_a_sweep_that_cannot_run_is_an_error() -> None:
    with pytest.raises(CouldNotRun, match="ended with 2"):
        Control("three", ("--pattern", "nothing"), "lost commit", 1).count_violations()


def test_a_sweep_of_another_release_is_an_error(home: Path) -> None:
    release_folder("sqlalchemy", "0.0.0", home).mkdir(parents=True)  # without SQLAlchemy in it
    control = Control("four", SWEEP, "partial commit", 1, {"sqlalchemy": "0.0.0"})
    with pytest.raises(CouldNotRun, match="was swept in place of"):
        control.count_violations()


def test_a_word_selects_the_controls_with_it_in_their_names() -> None:
    assert [control.sweep for control in fault_controls.select_controls(["COPY"])] == [
        fault_controls.CONTROLS[0].sweep
    ]
    with pytest.raises(CouldNotRun, match="flood"):
        fault_controls.select_controls(["flood"])


def test_the_names_of_controls_are_unique() -> None:
    names = [control.name for control in fault_controls.CONTROLS]
    assert len(set(names)) == len(names) == 6
