"""The subcommands `orm-async-tests matrix`, `merge` and `diff`, which compare stacks."""

import argparse
import asyncio
import json
import os
import sys
from dataclasses import fields

from orm_async_tests import catalogue, github, terminal
from orm_async_tests.command_options import refuse_options
from orm_async_tests.errors import CouldNotRun
from orm_async_tests.matrix import records, summaries
from orm_async_tests.matrix.environments import find_interpreter
from orm_async_tests.matrix.expected_differences import find_unexpected, group_by_reason
from orm_async_tests.matrix.plans import PRESETS, PYTHON_VERSION, Plan, combine, take_shard
from orm_async_tests.matrix.records import Record
from orm_async_tests.matrix.stack_runs import Slot, run_matrix
from orm_async_tests.output_files import require_writable, write_file
from orm_async_tests.stack_options import DRIVERS, SQLITE
from orm_async_tests.versions.releases import NotInstalled, check_version


def matrix(arguments: argparse.Namespace) -> int:
    """Run scripts on many stacks, and return 1 if a result is unexpected."""
    plans = _choose_plans(arguments)
    _check_choices(arguments)
    numbers = [script.number for script in catalogue.select(arguments.numbers)]
    if arguments.list:
        refuse_options(arguments, "--list", "markdown", "junit", "github")
        print("\n".join(plan.name for plan in plans))
        return 0
    _check_outputs(arguments)
    if arguments.github:
        github.require_summary()
    collected: list[Record] = []
    total = len(plans) * len(numbers)
    with (
        arguments.output.open("w", encoding="utf-8") as file,
        terminal.show_progress("results", total) as (_, advance),
    ):

        def keep(record: Record) -> None:
            collected.append(record)
            file.write(json.dumps(record) + "\n")
            file.flush()
            if record["record"] == "result":
                advance("results")

        keep(records.header(plans, numbers, not arguments.numbers, sys.argv[1:]))
        jobs = arguments.jobs or os.cpu_count() or 1
        slots = [Slot(f"matrix-{job}", arguments.timeout) for job in range(jobs)]
        asyncio.run(run_matrix(plans, numbers, slots, keep))
        keep(records.footer(total))
    code = _report(collected, arguments)
    if arguments.github:
        github.write(*_describe_for_github(collected))
    return code


def _check_choices(arguments: argparse.Namespace) -> None:
    """Refuse versions, interpreters and URLs that no stack can use."""
    for library in ("sqlalchemy", *DRIVERS, SQLITE):
        for version in getattr(arguments, library):
            check_version(library, version, f"--{library}")
    for version in {*arguments.python} - {PYTHON_VERSION}:
        try:
            find_interpreter(version)
        except NotInstalled as error:
            remedy = "choose a minor version that is installed, for example --python 3.12"
            raise CouldNotRun(str(error), "--python", remedy) from None
    for server in arguments.server:
        if "://" in server:
            from orm_async_tests.urls import parse_url

            parse_url(server, "--server")


def _describe_for_github(collected: list[Record]) -> tuple[list[github.Annotation], str]:
    annotations, rows = [], [("Verdict", "Script", "Stack", "Reason")]
    for record, reason in find_unexpected(collected):
        row = (record["verdict"], f"test{record['number']}", record["stack"], reason)
        annotations.append(github.Annotation("error", "{} {} on {}".format(*row), reason))
        rows.append(row)
    if not records.is_complete(collected):
        problem = "the run was interrupted"
        annotations.append(github.Annotation("error", "partial results", problem))
    summary = github.render_summary("Verdicts by stack", summaries.count_verdicts(collected))
    if len(rows) > 1:
        summary += github.render_summary("Unexpected results", rows)
    return annotations, summary


def _choose_plans(arguments: argparse.Namespace) -> tuple[Plan, ...]:
    axes = {field.name: getattr(arguments, field.name) for field in fields(Plan)}
    preset = arguments.preset or next(iter(PRESETS))
    if preset not in PRESETS:
        problem = f"there is no preset {preset!r}"
        raise CouldNotRun(problem, "--preset", f"add --preset {' or --preset '.join(PRESETS)}")
    if arguments.preset:
        refuse_options(arguments, "--preset", *axes)
    for driver in (*DRIVERS, SQLITE):
        if axes[driver] and driver not in (axes["driver"] or [Plan.driver]):
            problem = f"no stack uses {driver}, so --{driver} has no effect"
            raise CouldNotRun(problem, f"--{driver}", f"add --driver {driver}")
    has_axes = any(axes.values())
    chosen = combine(axes) if has_axes else PRESETS[preset]
    if arguments.shard:  # before the next step, so that all machines split a preset the same way
        chosen = take_shard(chosen, arguments.shard)
    return chosen if has_axes else _omit_missing_pythons(chosen)


def _omit_missing_pythons(plans: tuple[Plan, ...]) -> tuple[Plan, ...]:
    missing = set()
    for version in dict.fromkeys(plan.python for plan in plans if plan.python != PYTHON_VERSION):
        try:
            find_interpreter(version)
        except NotInstalled as error:
            print(f"The matrix omits Python {version}, because {error}.", file=sys.stderr)
            missing.add(version)
    return tuple(plan for plan in plans if plan.python not in missing)


def _check_outputs(arguments: argparse.Namespace) -> None:
    for name in ("output", "markdown", "junit"):
        if path := getattr(arguments, name):
            require_writable(path, f"--{name}")


def merge(arguments: argparse.Namespace) -> int:
    merged = records.merge([records.read(path) for path in arguments.files])
    _check_outputs(arguments)
    text = "".join(json.dumps(record) + "\n" for record in merged)
    write_file(arguments.output, text, "--output")
    return _report(merged, arguments)


def _report(collected: list[Record], arguments: argparse.Namespace) -> int:
    counts = list(summaries.count_verdicts(collected))
    differing = list(summaries.list_differing_scripts(collected))
    terminal.print_styled(terminal.render_table(counts))
    if len(differing) > 1:
        print()
        for number, name in enumerate(collected[0]["stacks"], 1):
            print(f"{number}: {name}")
        terminal.print_styled(terminal.render_table(differing))
    if arguments.markdown:
        tables = [counts, differing] if len(differing) > 1 else [counts]
        texts = ["".join(f"{line}\n" for line in terminal.render_markdown(rows)) for rows in tables]
        write_file(arguments.markdown, "\n".join(texts), "--markdown")
    if arguments.junit:
        write_file(arguments.junit, summaries.to_junit(collected), "--junit")
    for why, numbers in group_by_reason(collected).items():
        print(f"\nfailed as expected: {why}\n  {', '.join(f'test{number}' for number in numbers)}")
    unexpected = list(find_unexpected(collected))
    for record, why in unexpected:
        print(f"\n{record['verdict']} test{record['number']} on {record['stack']}\n  {why}")
    is_partial = not records.is_complete(collected)
    if is_partial:
        print("\nThese results are partial: the run was interrupted.")
    return int(bool(unexpected) or is_partial)


def diff(arguments: argparse.Namespace) -> int:
    """Print how two runs differ, and return 1 for a regression or a partial newer run."""
    before, after = records.read(arguments.before), records.read(arguments.after)
    changes = summaries.compare_verdicts(records.verdicts(before), records.verdicts(after))
    for change in changes:
        words = " -> ".join(word or "absent" for word in (change.before, change.after))
        print(f"{change.kind:10}  test{change.number:<3}  {words}  ({change.stack})")
    stacks: dict[str, list[str]] = {}
    for stack, name, old, new in summaries.compare_identities(before, after):
        stacks.setdefault(f"{name}  {old or 'none'} -> {new or 'none'}", []).append(stack)
    for field, names in stacks.items():
        print(f"stack       {field}  ({'; '.join(names)})")
    for path, run in ((arguments.before, before), (arguments.after, after)):
        if not records.is_complete(run):
            print(f"{path} is partial, because the run was interrupted")
    print(f"{len(changes)} difference{'s' * (len(changes) != 1)}")
    has_regression = any(change.kind == "regression" for change in changes)
    return int(has_regression or not records.is_complete(after))
