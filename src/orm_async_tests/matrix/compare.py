"""Compares two runs of a matrix: verdicts and stacks."""

from collections.abc import Sequence
from typing import Literal, NamedTuple

from orm_async_tests.matrix.records import Record, identities, verdicts
from orm_async_tests.verdicts import PASSING

Kind = Literal["regression", "repaired", "changed", "added", "removed"]


class VerdictChange(NamedTuple):
    """The verdict of one script on one stack before and after; "" if the run did not have it."""

    kind: Kind
    stack: str
    number: int
    before: str
    after: str


def compare_verdicts(before: Sequence[Record], after: Sequence[Record]) -> list[VerdictChange]:
    """Return the verdicts that differ, regressions first.

    A script that only the earlier run has is never a regression.
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
    """A field of a stack's identity before and after; "" if the run did not have it."""

    stack: str
    name: str
    before: str
    after: str


def compare_identities(before: Sequence[Record], after: Sequence[Record]) -> list[IdentityChange]:
    """Return the fields that differ in the stacks that both runs have."""
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
