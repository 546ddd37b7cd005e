"""Fixtures of the tests about versions."""

import pytest

from orm_async_tests.cli import build_parser
from orm_async_tests.exit_codes import run_command
from orm_async_tests.versions import defect_catalogue
from tests.cli.commands import Done
from tests.versions.audit_calls import DEFECTS, Audit


@pytest.fixture
def audit(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Audit:
    """Run the command `audit` in this process."""
    monkeypatch.setattr(defect_catalogue, "load_known_defects", lambda: DEFECTS)

    def run_audit(*words: str) -> Done:
        arguments = build_parser().parse_args(["audit", *words])
        code = run_command(lambda: int(arguments.run(arguments)))
        printed = capsys.readouterr()
        return Done(words, code, printed.out, printed.err)

    return run_audit
