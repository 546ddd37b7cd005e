"""Makes false observations, for which a script's `check` must fail."""

from collections.abc import Callable, Iterator, Mapping
from copy import copy
from dataclasses import fields
from functools import partial
from typing import Any

from orm_async_tests.harness.definitions.variants import Observation, select_arguments
from orm_async_tests.harness.report.result import Result

Mutant = tuple[str, dict[str, Observation]]
FIELDS = [field.name for field in fields(Observation) if field.name not in ("kind", "counted")]
POISON = "poison"


def blanks(observations: Mapping[str, Observation]) -> Iterator[Mutant]:
    """For every variant, yield the observations with an empty observation of this variant."""
    for name, observation in observations.items():
        yield f"{name} blank", {**observations, name: Observation(observation.kind)}


def swaps(result: Result) -> Iterator[Mutant]:
    """For every wrong and right variant, replace the observation of one by the other's.

    If a variant is wrong because of a library's defect, it is right on a stack without the defect.
    """
    observations = result.observations
    wrong = [name for name, observation in observations.items() if observation.kind == "wrong"]
    right = [name for name, observation in observations.items() if observation.kind == "right"]
    for bad in wrong:
        for good in right:
            if result.script.defects and observations[bad].value == observations[good].value:
                continue
            yield f"{good} reported as {bad}", {**observations, bad: observations[good]}
            yield f"{bad} reported as {good}", {**observations, good: observations[bad]}


def changes(result: Result) -> Iterator[tuple[str, list[dict[str, Observation]]]]:
    """For each field or item that `check` reads, yield observations with another value."""
    for name, field, *key in find_reads(result):
        observation = result.observations[name]
        old = getattr(observation, field)
        if key:
            values: list[Any] = [{**old, key[0]: new} for new in other_values(old[key[0]])]
        else:
            values = other_values(old)
        changed = [_replace(observation, field, value) for value in values]
        yield ".".join((name, field, *key)), [{**result.observations, name: new} for new in changed]


def _replace(observation: Observation, field: str, value: Any) -> Observation:
    changed = copy(observation)
    setattr(changed, field, value)
    return changed


def other_values(old: Any) -> list[Any]:
    """Return other values of the same type."""
    match old:
        case bool():
            return [not old]
        case int() | float():
            return [old * 10 + 1000, -old - 1]
        case list():
            return [[], [POISON] * max(len(old), 1)]
        case set():
            return [set(), {POISON}]
        case dict():
            return [{}, {POISON: POISON}]
        case BaseException():
            return [None]
        case _:
            return [POISON]


def find_reads(result: Result) -> dict[tuple[str, ...], None]:
    """Return the variants, fields and keys of items that `check` reads."""
    reads: dict[tuple[str, ...], None] = {}
    watched = {
        name: _watch(observation, partial(_note, reads, name))
        for name, observation in result.observations.items()
    }
    offered = {**result.script.defaults, "stack": result.stack, **watched}
    result.script.check(**select_arguments(result.script.check, offered))
    by_key = {read[:2] for read in reads if len(read) == 3}
    return {read: None for read in reads if len(read) == 3 or read not in by_key}


def _note(reads: dict[tuple[str, ...], None], *read: str) -> None:
    reads[read] = None


class _Items(dict[str, Any]):
    """A value that records the keys of the items that are read."""

    note: Callable[..., object]

    def __getitem__(self, key: str) -> Any:
        self.note("value", key)
        return super().__getitem__(key)


def _watch(observation: Observation, note: Callable[..., object]) -> Observation:
    """Return an equal observation that records which of its fields are read."""
    value = observation.value
    if isinstance(value, dict):
        value = _Items(value)
        value.note = note

    class Watched(Observation):
        def __getattribute__(self, name: str) -> Any:
            if name in FIELDS:
                note(name)
            return super().__getattribute__(name)

    return Watched(**{**vars(observation), "value": value})
