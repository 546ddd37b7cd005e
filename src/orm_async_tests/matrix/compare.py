"""Compares the verdicts and the stacks of two runs of a matrix."""

from collections.abc import Sequence
from typing import Literal, NamedTuple

from orm_async_tests.matrix.records import Record, identities, verdicts
from orm_async_tests.verdicts import PASSING

Kind = Literal["regression", "repaired", "changed", "added", "removed"]


class VerdictChange(NamedTuple):
    """The verdicts of one script on one stack in the older and the newer run, or "" if a run has
    none.
    """

    kind: Kind
    stack: str
    number: int
    before: str
    after: str


def compare_verdicts(before: Sequence[Record], after: Sequence[Record]) -> list[VerdictChange]:
    """Return the verdicts that differ between two runs, regressions first.

    A script that only the older run has is never a regression.
    """
    old, new = verdicts(before), verdicts(after)
    changes = [
        VerdictChange(
            _kind(old.get(key, ""), new.get(key, "")), *key, old.get(key, ""), new.get(key, "")
        )
        for key in sorted(old.keys() | new.keys())
        if old.get(key) != new.get(key)
    ]
    return sorted(changes, key=lambda change: change.kind != "regression")


class IdentityChange(NamedTuple):
    """The value of one field of a stack's identity in both runs, or "" if a run does not have
    it.
    """

    stack: str
    name: str
    before: str
    after: str


def compare_identities(before: Sequence[Record], after: Sequence[Record]) -> list[IdentityChange]:
    """Return the fields of a stack's identity that differ, for the stacks that both runs have."""
    old, new = identities(before), identities(after)
    return [
        IdentityChange(stack, name, one, two)
        for stack in sorted(old.keys() & new.keys())
        for name in sorted(old[stack].keys() | new[stack].keys())
        if (one := old[stack].get(name, "")) != (two := new[stack].get(name, ""))
    ]


def _kind(old: str, new: str) -> Kind:
    if not new:
        return "removed"
    if not old:
        return "added" if new in PASSING else "regression"
    if (old in PASSING) != (new in PASSING):
        return "repaired" if new in PASSING else "regression"
    return "changed"
