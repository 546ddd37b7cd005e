"""Judges a script: calls its function `check`, and collects the evidence.

The module compiles `check` again, so that assertions record the values that they compare. The
compiled function runs in a separate namespace, so `check` must not use closures or `global`.
"""

import ast
import inspect
import textwrap
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from types import CodeType
from typing import Any

from orm_async_tests.harness.definitions.stack import Stack
from orm_async_tests.harness.definitions.upstream import Upstream, collect_defects
from orm_async_tests.harness.definitions.variants import Observation, select_arguments
from orm_async_tests.harness.report.phrasing import describe, format_value, pluralize, truncate
from orm_async_tests.harness.script import Script
from orm_async_tests.verdicts import BROKEN, HOLDS, UPSTREAM, Word

# The functions that the compiled `check` calls.
EVALUATE_ASSERTION, NOTE_OPERAND = "__evaluate_assertion__", "__note_operand__"
MAX_CHARACTERS = 300  # characters of an assertion's values
MAX_COMPARISONS = 4  # the maximum number of comparisons that are shown for an assertion


@dataclass(frozen=True)
class Evidence:
    assertion: str
    values: str
    holds: bool


@dataclass(frozen=True)
class Verdict:
    word: Word
    reason: str = ""
    evidence: tuple[Evidence, ...] = ()
    defects: tuple[Upstream, ...] = ()


def judge(
    script: Script,
    observations: Mapping[str, Observation],
    stack: Stack,
    options: Mapping[str, Any],
) -> Verdict:
    if trouble := _find_leftovers(script, observations):
        return Verdict(BROKEN, trouble)
    collector = EvidenceCollector()
    with collect_defects() as shown:
        try:
            available = {**options, "stack": stack, **observations}
            collector.check(script.check, select_arguments(script.check, available))
        except Exception as error:
            frame = traceback.extract_tb(error.__traceback__)[-1]
            kind = "" if isinstance(error, AssertionError) else f"  {type(error).__name__}: {error}"
            reason = f"{frame.filename}:{frame.lineno}{kind}"
            return Verdict(BROKEN, reason, tuple(collector.evidence))
    return _apply_defects(shown, script, stack, tuple(collector.evidence))


def _apply_defects(
    shown: Sequence[Upstream], script: Script, stack: Stack, evidence: tuple[Evidence, ...]
) -> Verdict:
    """Compare the observed defects with the declared versions, and return the verdict."""
    confirmed = tuple(defect for defect in script.defects if defect in shown)
    for defect in script.defects:
        if (defect in shown) != defect.applies(stack.libraries):
            problem = "a defect no longer shows: narrow its declared versions"
            if defect in shown:
                problem = "a defect shows outside its declared versions"
            reason = f"{problem}. {defect.sentence} {defect.link}"
            return Verdict(BROKEN, reason, evidence, confirmed)
    reason = " ".join(f"{defect.sentence} {defect.link}" for defect in confirmed)
    return Verdict(UPSTREAM if shown else HOLDS, reason, evidence, confirmed)


def _find_leftovers(script: Script, observations: Mapping[str, Observation]) -> str:
    for variant in script.variants:
        name, observation = variant.name, observations[variant.name]
        if variant.kind == "right" and observation.error is not None:
            return f"{name} is a right variant, but raised {describe(observation.error)}"
        if observation.tasks and not variant.tasks:
            return f"{name} left {pluralize(observation.tasks, 'task')} running"
        if observation.warnings and not variant.warns:
            return f"{name} warned: {', '.join(observation.warnings)}"
        if observation.unhandled and not variant.unhandled:
            return f"{name} left an error unhandled: {observation.unhandled[0]}"
        if observation.leaked and not variant.leaks:
            return f"{name} leaked {pluralize(observation.leaked, 'connection')}"
    return ""


class EvidenceCollector:
    """Calls `check`, and collects the evidence of every assertion."""

    def __init__(self) -> None:
        self.evidence: list[Evidence] = []
        self._comparisons: list[list[tuple[str, str]]] = []  # operators and operands

    def check(self, check: Callable[..., None], arguments: Mapping[str, Any]) -> None:
        calls = {EVALUATE_ASSERTION: self._evaluate_assertion, NOTE_OPERAND: self._note_operand}
        namespace = {**check.__globals__, **calls}
        exec(_compile(check), namespace)
        namespace[check.__name__](**arguments)

    def _evaluate_assertion(self, assertion: str, test: Callable[[], Any]) -> bool:
        self._comparisons = []
        holds = False
        try:
            holds = bool(test())
        finally:
            texts = list(dict.fromkeys(map(_format_comparison, self._comparisons)))
            if (more := len(texts) - MAX_COMPARISONS) > 0:
                texts = [*texts[:3], f"{more} more", texts[-1]]  # the last comparison decides
            self.evidence.append(
                Evidence(assertion, truncate("; ".join(texts), MAX_CHARACTERS), holds)
            )
        return holds

    def _note_operand(self, operator: str, value: Any) -> Any:
        """Record an operand, and the operator before it."""
        if not operator:  # the first operand
            self._comparisons.append([])
        self._comparisons[-1].append((operator, format_value(value)))
        return value


def _format_comparison(operands: list[tuple[str, str]]) -> str:
    """Format a comparison, for example "1 < 2 < 3", or "1" instead of "1 == 1"."""
    operators = {operator for operator, _ in operands[1:]}
    values = {value for _, value in operands}
    if operators == {"=="} and len(values) == 1:
        return values.pop()
    return " ".join(f"{operator} {value}" for operator, value in operands).strip()


@cache
def _compile(check: Callable[..., None]) -> CodeType:
    """Compile `check`, with `__evaluate_assertion__("a", lambda: a)` for every `assert a`."""
    source = textwrap.dedent(inspect.getsource(check))
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, ast.Assert):
            text = " ".join((ast.get_source_segment(source, node.test) or "").split())
            no_arguments = ast.arguments([], [], None, [], [], None, [])
            test = ast.Lambda(no_arguments, _wrap_operands(node.test))
            node.test = _call(EVALUATE_ASSERTION, node.test, ast.Constant(text), test)
    ast.increment_lineno(tree, check.__code__.co_firstlineno - 1)
    return compile(ast.fix_missing_locations(tree), check.__code__.co_filename, "exec")


def _wrap_operands(test: ast.expr) -> ast.expr:
    """Replace, for example, `a < b` by `__note_operand__("", a) < __note_operand__("<", b)`."""
    match test:
        case ast.BoolOp():
            test.values = [_wrap_operands(value) for value in test.values]
        case ast.UnaryOp(op=ast.Not()):
            test.operand = _wrap_operands(test.operand)
        case ast.Call(func=ast.Name("any" | "all"), args=[ast.GeneratorExp() as items]):
            items.elt = _wrap_operands(items.elt)
        case ast.Call(func=ast.Name("isinstance")):
            test.args[0] = _wrap_operand("", test.args[0])
        case ast.Compare():
            test.left = _wrap_operand("", test.left)
            test.comparators = list(map(_wrap_operand, map(_symbol, test.ops), test.comparators))
        case _:
            return _wrap_operand("", test)
    return test


def _symbol(operator: ast.cmpop) -> str:
    return ast.unparse(ast.Compare(ast.Name("a"), [operator], [ast.Name("b")]))[2:-2]


def _wrap_operand(operator: str, operand: ast.expr) -> ast.expr:
    return _call(NOTE_OPERAND, operand, ast.Constant(operator), operand)


def _call(name: str, at: ast.expr, *arguments: ast.expr) -> ast.expr:
    return ast.copy_location(ast.Call(ast.Name(name, ast.Load()), list(arguments), []), at)
