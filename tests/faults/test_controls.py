"""A control that is not caught is a failure."""

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
def own(database: db.Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """Sweeps run in this worker's database."""
    monkeypatch.setenv("DATABASE_URL", with_url(database)["DATABASE_URL"])


@pytest.mark.thorough
def test_a_control_is_caught_or_missed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    found, missed = Control("one", SWEEP, "partly", 3), Control("two", SWEEP, "lost", 1)
    monkeypatch.setattr(fault_controls, "CONTROLS", (found, missed))
    assert fault_controls.main([]) == 1
    out = capsys.readouterr().out
    assert "caught  one" in out
    assert "MISSED  two" in out

    monkeypatch.setattr(fault_controls, "CONTROLS", (found,))
    assert fault_controls.main([]) == 0


def test_a_control_whose_sweep_cannot_run_is_no_control() -> None:
    with pytest.raises(CouldNotRun, match="ended with 2"):
        Control("three", ("--pattern", "nothing"), "lost", 1).count_violations()


def test_a_control_on_another_release_than_its_own_is_no_control(home: Path) -> None:
    release_folder("sqlalchemy", "0.0.0", home).mkdir(parents=True)  # and SQLAlchemy is not in it
    control = Control("four", SWEEP, "partly", 1, {"sqlalchemy": "0.0.0"})
    with pytest.raises(CouldNotRun, match="was swept in place of"):
        control.count_violations()


def test_controls_are_chosen_by_a_word_of_their_names() -> None:
    assert [each.sweep for each in fault_controls.select_controls(["COPY"])] == [
        fault_controls.CONTROLS[0].sweep
    ]
    with pytest.raises(CouldNotRun, match="flood"):
        fault_controls.select_controls(["flood"])


def test_each_control_has_a_name_of_its_own() -> None:
    names = [each.name for each in fault_controls.CONTROLS]
    assert len(set(names)) == len(names) == 6
