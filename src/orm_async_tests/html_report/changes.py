"""Lists what changed between two sets of results, the worst changes first."""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from orm_async_tests.html_report.result_files import Document, Results
from orm_async_tests.matrix.summaries import Kind, compare_verdicts
from orm_async_tests.stack_options import DRIVERS

PAIRED_BY = ("driver", "loop", "pooler", "database")  # fields that an upgrade does not change
WORSE, COSTLIER, BETTER, OTHER = ORDER = "worse", "costlier", "better", "other"
TOLERANCE = 0.1  # the share by which round trips may differ by chance
SEVERITY: dict[Kind, str] = {"regression": WORSE, "repaired": BETTER}


class Change(NamedTuple):
    """A difference between two sets of results."""

    severity: str
    subject: str
    before: str
    after: str
    stack: str
    number: int = 0  # the script's number; 0 for a version or a sweep
    reason: str = ""


def list_changes(before: Results, after: Results) -> list[Change]:
    pairs = _pair_stacks(before, after)
    changes = [
        *_changed_verdicts(before, after, {old: new for new, old in pairs.items()}),
        *_changed_variants(before, after, pairs),
        *_changed_sweeps(before, after),
    ]
    for stack, old in pairs.items():
        earlier, later = before.stacks[old], after.stacks[stack]
        changes += [
            Change(OTHER, name, earlier.get(name, "absent"), later.get(name, "absent"), stack)
            for name in sorted(earlier.keys() | later.keys())
            if earlier.get(name) != later.get(name)
        ]
    return sorted(changes, key=lambda change: (ORDER.index(change.severity), change.number))


def _pair_stacks(before: Results, after: Results) -> dict[str, str]:
    """Map the stacks of `after` to the matching stacks of `before`."""
    pairs = {name: name for name in after.stacks if name in before.stacks}
    others = [name for name in before.stacks if name not in pairs]
    for name, identity in after.stacks.items():
        same = [old for old in others if _key(before.stacks[old]) == _key(identity)]
        if name not in pairs and len(same) == 1:  # several matches are ambiguous
            pairs[name] = same[0]
            others.remove(same[0])
    return pairs


def _key(identity: Mapping[str, str]) -> list[str | None]:
    return [identity.get(name) for name in PAIRED_BY]


def _changed_verdicts(
    before: Results, after: Results, renamed: Mapping[str, str]
) -> Iterator[Change]:
    old_words = {
        (renamed.get(stack, stack), number): entry.word
        for (stack, number), entry in before.entries.items()
    }
    new_words = {key: entry.word for key, entry in after.entries.items()}
    for kind, stack, number, old, new in compare_verdicts(old_words, new_words):
        entry = after.entries.get((stack, number))
        subject, reason = f"test{number}: verdict", entry.reason if entry else ""
        severity = SEVERITY.get(kind, OTHER)
        yield Change(severity, subject, old or "absent", new or "absent", stack, number, reason)


def _changed_variants(
    before: Results, after: Results, pairs: Mapping[str, str]
) -> Iterator[Change]:
    for number in sorted(before.details.keys() & after.details.keys()):
        earlier, detail = before.details[number], after.details[number]
        if pairs.get(detail["stack"]) != earlier["stack"]:
            continue  # another driver may send more round trips or raise other errors
        old = {run["name"]: run for run in earlier["variants"]}
        for run in detail["variants"]:
            subject = f"test{number}: {run['name']}"
            for severity, field, *ends in _compare_runs(old.get(run["name"], run), run):
                name = f"{subject}, {field}"
                yield Change(severity, name, ends[0], ends[1], detail["stack"], number)


def _compare_runs(old: Document, new: Document) -> Iterator[tuple[str, str, str, str]]:
    before, after = old["round_trips"], new["round_trips"]
    if None not in (before, after) and abs(after - before) > max(1, TOLERANCE * before):
        yield COSTLIER if after > before else BETTER, "round trips", str(before), str(after)
    if old["error"] != new["error"]:
        severity = OTHER
        if new["kind"] == "right":
            severity = WORSE if new["error"] else BETTER
        yield severity, "error", old["error"] or "no error", new["error"] or "no error"


def _changed_sweeps(before: Results, after: Results) -> Iterator[Change]:
    old, new = _count_violations(before), _count_violations(after)
    for subject, stack in sorted(old.keys() & new.keys()):
        earlier, later = old[subject, stack], new[subject, stack]
        if earlier != later:
            severity = WORSE if later > earlier else BETTER
            yield Change(severity, subject, str(earlier), str(later), stack)


def _count_violations(results: Results) -> dict[tuple[str, str], int]:
    counts = {}
    for sweep in results.sweeps:
        names = [name for name in sweep["stack"] if name in DRIVERS]
        stack = " ".join([*names, sweep["stack"].get("loop", "")])
        for cell in sweep["cells"]:
            subject = f"{cell['work']}, {cell['fault']}: points with violations"
            counts[subject, stack] = len(cell["violations"])
    return counts
