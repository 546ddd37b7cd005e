"""A verdict's evidence: the code of the assertions, and the values of both sides."""

import pytest

from orm_async_tests import db
from orm_async_tests.harness.report.judge import MAX_COMPARISONS, Verdict
from orm_async_tests.verdicts import BROKEN, HOLDS
from tests.harness.example_scripts import ran

HEAD = """
@variant
async def go():
    return {"jobs": 20, "runs": [1, 1, 1]}
def check(go):
    jobs = go.value["jobs"]
    """

ASSERTIONS = {
    "jobs == 20": "20",
    "1 < jobs <= 10 + 10": "1 < 20 <= 20",
    "'jobs' in go.value": "'jobs' in {'jobs': 20, 'runs': [1, 1, 1]}",
    "go.error is None": "None is None",
    "isinstance(go.value, dict)": "{'jobs': 20, 'runs': [1, 1, 1]}",
    "not go.sql": "[]",
    "jobs == 21 or jobs == 20": "20 == 21; 20",
    "all(run == 1 for run in go.value['runs'])": "1",
    "type(go.value) is dict": "dict is dict",
}


@pytest.mark.parametrize("assertion", ASSERTIONS)
def test_an_assertion_that_holds_shows_its_values(assertion: str, database: db.Database) -> None:
    verdict = ran(f"{HEAD}assert {assertion}", database).verdict

    assert verdict.word == HOLDS
    (evidence,) = verdict.evidence
    assert (evidence.assertion, evidence.values) == (assertion, ASSERTIONS[assertion])
    assert evidence.holds


def test_a_failure_is_the_last_evidence_in_the_form_of_a_proof(database: db.Database) -> None:
    verdict = ran(f"{HEAD}assert jobs == 20\n    assert jobs == 21\n    assert False", database)
    assert outline(verdict.verdict) == [
        ("jobs == 20", "20", True),
        ("jobs == 21", "20 == 21", False),
    ]
    assert verdict.verdict.word == BROKEN


def test_an_assertion_over_several_lines_is_shown_on_one(database: db.Database) -> None:
    verdict = ran(f"{HEAD}assert (\n        jobs\n        == 20\n    )", database).verdict
    assert outline(verdict) == [("jobs == 20", "20", True)]


def test_an_assertion_that_cannot_be_evaluated_shows_how_far_it_came(
    database: db.Database,
) -> None:
    verdict = ran(f"{HEAD}assert jobs == go.error.code", database).verdict
    assert verdict.word == BROKEN
    assert outline(verdict) == [("jobs == go.error.code", "20", False)]
    assert "AttributeError" in verdict.reason


def test_of_many_comparisons_the_one_that_decided_is_shown(database: db.Database) -> None:
    verdict = ran(f"{HEAD}assert all(job < 9 for job in range(jobs))", database).verdict
    (evidence,) = verdict.evidence
    assert evidence.values.endswith("9 < 9")
    assert evidence.values.count(";") == MAX_COMPARISONS


def outline(verdict: Verdict) -> list[tuple[str, str, bool]]:
    """Return the evidence as tuples."""
    return [(evidence.assertion, evidence.values, evidence.holds) for evidence in verdict.evidence]
