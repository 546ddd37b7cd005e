"""What changed between two runs of a matrix."""

from collections.abc import Sequence
from typing import Literal, NamedTuple

from orm_async_tests.matrix.records import Record, identities, verdicts
from orm_async_tests.verdicts import PASSING

Kind = Literal["regression", "repaired", "changed", "added", "gone"]


class Change(NamedTuple):
    """One script on one stack, before and after; "" where it was not run."""

    kind: Kind
    stack: str
    number: int
    before: str
    after: str


def changes(before: Sequence[Record], after: Sequence[Record]) -> list[Change]:
    """The differences, regressions first. A script that is gone is not one, whatever it said."""
    old, new = verdicts(before), verdicts(after)
    found = [
        Change(_kind(old.get(key, ""), new.get(key, "")), *key, old.get(key, ""), new.get(key, ""))
        for key in sorted(old.keys() | new.keys())
        if old.get(key) != new.get(key)
    ]
    return sorted(found, key=lambda change: change.kind != "regression")


class Difference(NamedTuple):
    """A field of a stack's identity, before and after; "" where it was not there."""

    stack: str
    name: str
    before: str
    after: str


def differences(before: Sequence[Record], after: Sequence[Record]) -> list[Difference]:
    """What the stacks of both runs did not have in common."""
    old, new = identities(before), identities(after)
    return [
        Difference(stack, name, one, two)
        for stack in sorted(old.keys() & new.keys())
        for name in sorted(old[stack].keys() | new[stack].keys())
        if (one := old[stack].get(name, "")) != (two := new[stack].get(name, ""))
    ]


def _kind(old: str, new: str) -> Kind:
    if not new:
        return "gone"
    if not old:
        return "added" if new in PASSING else "regression"
    if (old in PASSING) != (new in PASSING):
        return "repaired" if new in PASSING else "regression"
    return "changed"
