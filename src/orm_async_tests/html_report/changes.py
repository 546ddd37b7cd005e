"""What changed between two sets of results, the worst first."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from orm_async_tests.html_report.result_files import Document, Results
from orm_async_tests.matrix.compare import Kind, VerdictChange, compare_verdicts
from orm_async_tests.matrix.records import Record, result

PAIRED_BY = ("driver", "loop", "pooler", "database")  # what an upgrade leaves as it is
WORSE, BETTER, OTHER = "worse", "better", "other"
ORDER = (WORSE, BETTER, OTHER)
SEVERITY: dict[Kind, str] = {"regression": WORSE, "repaired": BETTER}


@dataclass(frozen=True)
class Change:
    """One difference: what it is about, before and after."""

    severity: str
    subject: str
    before: str
    after: str
    stack: str
    reason: str = ""
    number: int = 0  # of the script; 0 for a version


def list_changes(before: Results, after: Results) -> list[Change]:
    """Return the differences between two sets of results, the worst first."""
    pairs = pair_stacks(before, after)
    renamed = {old: new for new, old in pairs.items()}
    records = compare_verdicts(_records(before, renamed), _records(after, {}))
    changes = [_verdict_change(change, after, before, pairs) for change in records]
    changes += _changed_costs(before, after)
    changes += _changed_sweeps(before, after)
    changes += [
        Change(OTHER, name, old.get(name, "absent"), new.get(name, "absent"), stack)
        for stack, new in after.stacks.items()
        if (old := before.stacks.get(pairs.get(stack, ""))) is not None
        for name in sorted(old.keys() | new.keys())
        if old.get(name) != new.get(name)
    ]
    return sorted(changes, key=lambda change: (ORDER.index(change.severity), change.number))


def pair_stacks(before: Results, after: Results) -> dict[str, str]:
    """Return the earlier stack of every later one: the same name, or else only other versions."""
    pairs = {name: name for name in after.stacks if name in before.stacks}
    others = [name for name in before.stacks if name not in pairs]
    for name, identity in after.stacks.items():
        same = [old for old in others if _key(before.stacks[old]) == _key(identity)]
        if name not in pairs and len(same) == 1:
            pairs[name] = same[0]
            others.remove(same[0])
    return pairs


def _key(identity: Mapping[str, str]) -> tuple[str | None, ...]:
    return tuple(identity.get(name) for name in PAIRED_BY)


def _records(results: Results, renamed: Mapping[str, str]) -> list[Record]:
    return [
        result(renamed.get(stack, stack), number, entry.word, entry.reason)
        for (stack, number), entry in results.entries.items()
    ]


def _verdict_change(
    change: VerdictChange, after: Results, before: Results, pairs: Mapping[str, str]
) -> Change:
    key = change.stack, change.number
    entry = after.entries.get(key) or before.entries.get((pairs.get(change.stack, ""), key[1]))
    return Change(
        SEVERITY.get(change.kind, OTHER),
        f"test{change.number}: verdict",
        change.before or "absent",
        change.after or "absent",
        change.stack,
        entry.reason if entry else "",
        change.number,
    )


def _changed_costs(before: Results, after: Results) -> Iterator[Change]:
    """Yield the variants that send more or fewer round trips, or end otherwise."""
    for number in sorted(before.details.keys() & after.details.keys()):
        old = {run["name"]: run for run in before.details[number]["variants"]}
        stack = after.details[number]["stack"]
        for run in after.details[number]["variants"]:
            subject = f"test{number}: {run['name']}"
            if earlier := old.get(run["name"]):
                yield from _compare_runs(subject, earlier, run, stack, number)


def _compare_runs(
    subject: str, old: Document, new: Document, stack: str, number: int
) -> Iterator[Change]:
    before, after = old["round_trips"], new["round_trips"]
    if before is not None and after is not None and before != after:
        severity = WORSE if after > before else BETTER
        name = f"{subject}, round trips"
        yield Change(severity, name, str(before), str(after), stack, number=number)
    if old["error"] != new["error"]:
        severity = OTHER if new["kind"] != "right" else WORSE if new["error"] else BETTER
        texts = [run["error"] or "no error" for run in (old, new)]
        yield Change(severity, f"{subject}, error", texts[0], texts[1], stack, number=number)


def _changed_sweeps(before: Results, after: Results) -> Iterator[Change]:
    """Yield the faults that leave more or fewer violations behind."""
    old, new = _count_violations(before), _count_violations(after)
    for key in sorted(old.keys() & new.keys()):
        if old[key] != new[key]:
            severity = WORSE if new[key] > old[key] else BETTER
            subject = f"{key[0]}, {key[1]}: points with violations"
            yield Change(severity, subject, str(old[key]), str(new[key]), key[2])


def _count_violations(results: Results) -> dict[tuple[str, str, str], int]:
    return {
        (cell["work"], cell["fault"], f"{sweep['stack'].get('driver', '')}"): len(
            cell["violations"]
        )
        for sweep in results.sweeps
        for cell in sweep["cells"]
    }
