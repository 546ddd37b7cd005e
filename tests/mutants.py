"""What was seen, changed in one place: a check that matters must not hold for it."""

from collections.abc import Callable, Iterator, Mapping
from copy import copy
from dataclasses import fields
from functools import partial
from typing import Any

from orm_async_tests.harness.definitions.observation import Observation
from orm_async_tests.harness.definitions.variants import select_arguments
from orm_async_tests.harness.report.result import Result

Mutant = tuple[str, dict[str, Observation]]
FIELDS = [field.name for field in fields(Observation) if field.name not in ("kind", "counted")]
POISON = "poison"


def blanks(seen: Mapping[str, Observation]) -> Iterator[Mutant]:
    """With one variant blank."""
    for name, each in seen.items():
        yield f"{name} blank", {**seen, name: Observation(each.kind)}


def swaps(result: Result) -> Iterator[Mutant]:
    """With a wrong and a right variant taken for each other.

    Where a variant is wrong because of a library's defect, it is right on a stack without it.
    """
    seen = result.observations
    wrong = [name for name, each in seen.items() if each.kind == "wrong"]
    right = [name for name, each in seen.items() if each.kind == "right"]
    for bad in wrong:
        for good in right:
            if result.script.defects and seen[bad].value == seen[good].value:
                continue
            yield f"{good} seen as {bad}", {**seen, bad: seen[good]}
            yield f"{bad} seen as {good}", {**seen, good: seen[bad]}


def changes(result: Result) -> Iterator[tuple[str, list[dict[str, Observation]]]]:
    """Each field, or item of a value, that the check reads, and what else it might have been."""
    for name, field, *key in read(result):
        old = getattr(result.observations[name], field)
        others = [{**old, key[0]: new} for new in changed(old[key[0]])] if key else changed(old)
        seen = [_with(result.observations[name], field, new) for new in others]
        yield ".".join((name, field, *key)), [{**result.observations, name: each} for each in seen]


def _with(seen: Observation, field: str, value: Any) -> Observation:
    changed = copy(seen)
    setattr(changed, field, value)
    return changed


def changed(old: Any) -> list[Any]:
    """Other values of the same shape."""
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


def read(result: Result) -> dict[tuple[str, ...], None]:
    """Return what the check reads: a variant, its field, and the key if it reads one item."""
    found: dict[tuple[str, ...], None] = {}
    seen = {
        name: _watched(each, partial(_note, found, name))
        for name, each in result.observations.items()
    }
    offered = {**result.script.defaults, "stack": result.stack, **seen}
    result.script.check(**select_arguments(result.script.check, offered))
    by_key = {place[:2] for place in found if len(place) == 3}
    return {place: None for place in found if len(place) == 3 or place not in by_key}


def _note(found: dict[tuple[str, ...], None], *place: str) -> None:
    found[place] = None


class _Items(dict[str, Any]):
    """A value, and it notes which of its items are read by their keys."""

    note: Callable[..., object]

    def __getitem__(self, key: str) -> Any:
        self.note("value", key)
        return super().__getitem__(key)


def _watched(seen: Observation, note: Callable[..., object]) -> Observation:
    """The same, and it notes which of its fields are read."""
    value = seen.value
    if isinstance(value, dict):
        value = _Items(value)
        value.note = note

    class Watched(Observation):
        def __getattribute__(self, name: str) -> Any:
            if name in FIELDS:
                note(name)
            return super().__getattribute__(name)

    return Watched(**{**vars(seen), "value": value})
