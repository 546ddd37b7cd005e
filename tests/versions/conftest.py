"""Fixtures of the tests about versions."""

from functools import partial

import pytest

from orm_async_tests.versions import defect_catalogue
from tests.cli.commands import orm
from tests.versions.audit_calls import DEFECTS, Audit


@pytest.fixture
def audit(monkeypatch: pytest.MonkeyPatch) -> Audit:
    """Run the command `audit` in this process."""
    monkeypatch.setattr(defect_catalogue, "load_known_defects", lambda: DEFECTS)
    return partial(orm, "audit")
