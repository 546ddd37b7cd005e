"""What a verdict rests on: each assertion of a check as written, with the values it compared.

The check's own source is compiled again, so that each assertion notes the values of its operands
while it is evaluated. Nothing is written twice, and a proof is printed like a failure.
"""

import ast
import inspect
import textwrap
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from types import CodeType
from typing import Any

from orm_async_tests.harness.report.phrasing import clipped, written

JUDGE, SEE = "__judge__", "__see__"  # what the compiled check calls
LONGEST = 300  # characters of an assertion's values
MOST = 4  # comparisons of one assertion that are shown
OPERATORS: dict[type[ast.cmpop], str] = {
    ast.Eq: "==",
    ast.NotEq: "!=",
    ast.Lt: "<",
    ast.LtE: "<=",
    ast.Gt: ">",
    ast.GtE: ">=",
    ast.Is: "is",
    ast.IsNot: "is not",
    ast.In: "in",
    ast.NotIn: "not in",
}


@dataclass(frozen=True)
class Evidence:
    """An assertion as written, the values of its operands, and whether it was true."""

    assertion: str
    values: str
    holds: bool


@dataclass
class Recorder:
    """Notes each assertion while a check is evaluated."""

    evidence: list[Evidence] = field(default_factory=list)
    _seen: list[str] = field(default_factory=list)

    def check(self, check: Callable[..., None], arguments: Mapping[str, Any]) -> None:
        """Call check, noting its assertions. Raises what check raises."""
        namespace = {**check.__globals__, JUDGE: self._judge, SEE: self._see}
        exec(_compiled(check), namespace)
        namespace[check.__name__](**arguments)

    def _judge(self, assertion: str, test: Callable[[], Any]) -> bool:
        self._seen = []
        holds = False
        try:
            holds = bool(test())
        finally:
            values = "; ".join(_first(list(dict.fromkeys(self._seen))))
            self.evidence.append(Evidence(assertion, clipped(values, LONGEST), holds))
        return holds

    def _see(self, before: str, value: Any) -> Any:
        """Note an operand; before is the operator in front of it, if it is not the first."""
        if before:
            self._seen[-1] += f" {before} {written(value)}"
        else:
            self._seen.append(written(value))
        return value


def _first(comparisons: list[str]) -> list[str]:
    """The first comparisons and the last one, which decided if the assertion is false."""
    more = len(comparisons) - MOST
    return comparisons if more <= 0 else [*comparisons[:3], f"{more} more", comparisons[-1]]


@cache
def _compiled(check: Callable[..., None]) -> CodeType:
    source = textwrap.dedent(inspect.getsource(check))
    tree = _Observed(source).visit(ast.parse(source))
    ast.increment_lineno(tree, check.__code__.co_firstlineno - 1)
    return compile(ast.fix_missing_locations(tree), check.__code__.co_filename, "exec")


class _Observed(ast.NodeTransformer):
    """Rewrites each assertion so that it tells a Recorder what it compares."""

    def __init__(self, source: str) -> None:
        self._source = source

    def visit_Assert(self, node: ast.Assert) -> ast.Assert:
        """`assert test` becomes `assert __judge__("test", lambda: test)`."""
        text = " ".join((ast.get_source_segment(self._source, node.test) or "").split())
        test = ast.Lambda(_NO_ARGUMENTS, _observed(node.test))
        node.test = _call(JUDGE, node.test, ast.Constant(text), test)
        return node


_NO_ARGUMENTS = ast.arguments([], [], None, [], [], None, [])


def _observed(test: ast.expr) -> ast.expr:
    """The test, in which the operands that decide it are seen."""
    match test:
        case ast.BoolOp():
            test.values = [_observed(each) for each in test.values]
        case ast.UnaryOp(op=ast.Not()):
            test.operand = _observed(test.operand)
        case ast.Call(func=ast.Name("any" | "all"), args=[ast.GeneratorExp() as items]):
            items.elt = _observed(items.elt)
        case ast.Call(func=ast.Name("isinstance")):
            test.args[0] = _seen("", test.args[0])
        case ast.Compare():
            test.left = _seen("", test.left)
            symbols = [OPERATORS[type(each)] for each in test.ops]
            test.comparators = [
                _seen(symbol, each) for symbol, each in zip(symbols, test.comparators, strict=True)
            ]
        case _:
            return _seen("", test)
    return test


def _seen(before: str, operand: ast.expr) -> ast.expr:
    return _call(SEE, operand, ast.Constant(before), operand)


def _call(name: str, at: ast.expr, *arguments: ast.expr) -> ast.expr:
    return ast.copy_location(ast.Call(ast.Name(name, ast.Load()), list(arguments), []), at)
