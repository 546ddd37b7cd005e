"""A comparison as Markdown, for docs/bench.md and for a terminal."""

from collections.abc import Iterable, Iterator, Sequence

from benchmarks.patterns.comparison import Conditions, PatternResult, WorkloadResult
from benchmarks.patterns.rounds import Ratio

HEAD = ("Pattern", "Mark", "Ratio", "Interval", "Verdict", "CPU", "Round trips", "ms")


def render_markdown(conditions: Conditions, workloads: Iterable[WorkloadResult]) -> Iterator[str]:
    """Yield the lines of a report."""
    yield f"Measured on {conditions.date}, {_machine(conditions)}."
    yield ""
    for contender, versions in conditions.versions.items():
        yield f"- {contender}: {_versions(versions)}"
    for workload in workloads:
        sizes = ", ".join(f"{name} {size}" for name, size in workload.sizes.items())
        yield ""
        yield f"### {workload.title}"
        yield ""
        yield f"Multiples of the rate of {_base(workload)}; {workload.rounds} rounds, {sizes}."
        yield f"The control is {_control(workload)}."
        yield ""
        yield from render_table([HEAD, *map(_cells, workload.patterns)])


def render_table(rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """Yield the lines of a Markdown table; the first row is the head."""
    for number, row in enumerate(rows):
        yield f"| {' | '.join(row)} |"
        if number == 0:
            yield f"|{' --- |' * len(row)}"


def render_interval(ratio: Ratio) -> str:
    """Return the ends of a ratio's interval."""
    return f"{ratio.low:.2f} to {ratio.high:.2f}"


def _cells(result: PatternResult) -> list[str]:
    return [
        _name(result),
        result.mark,
        f"{result.ratio.median:.2f}",
        render_interval(result.ratio),
        result.verdict,
        f"{result.cpu:.2f}",
        str(result.round_trips),
        f"{result.median_milliseconds:.1f}",
    ]


def _name(result: PatternResult) -> str:
    return f"{result.contender}: {result.label}"


def _base(workload: WorkloadResult) -> str:
    return f"{workload.patterns[0].contender}, {workload.patterns[0].label}"


def _control(workload: WorkloadResult) -> str:
    return f"{workload.control.median:.2f} ({render_interval(workload.control)})"


def _machine(conditions: Conditions) -> str:
    load = " to ".join(map(str, conditions.load))
    return f"{conditions.machine}, load {load}, {conditions.server}"


def _versions(versions: dict[str, str]) -> str:
    return ", ".join(" ".join(pair) for pair in versions.items())
