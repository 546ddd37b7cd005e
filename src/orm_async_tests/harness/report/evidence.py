"""The evidence for a verdict: every assertion of a check, with the values that it compared.

The source of the check is compiled again, so that every assertion records its operands while it
runs. A check must not use closures or `global`, because the copy runs in a separate namespace.
"""

import ast
import inspect
import textwrap
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from types import CodeType
from typing import Any

from orm_async_tests.harness.report.phrasing import format_value, truncate

JUDGE, RECORD = "__judge__", "__record__"  # what the compiled check calls
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
    """The source of an assertion, the values of its operands, and whether it was true."""

    assertion: str
    values: str
    holds: bool


@dataclass
class Recorder:
    """Record the assertions of a check while it runs."""

    evidence: list[Evidence] = field(default_factory=list)
    _comparisons: list["_Comparison"] = field(default_factory=list)

    def check(self, check: Callable[..., None], arguments: Mapping[str, Any]) -> None:
        """Call the check and record its assertions. Raise what the check raises."""
        namespace = {**check.__globals__, JUDGE: self._judge, RECORD: self._record}
        exec(_compiled(check), namespace)
        namespace[check.__name__](**arguments)

    def _judge(self, assertion: str, test: Callable[[], Any]) -> bool:
        self._comparisons = []
        holds = False
        try:
            holds = bool(test())
        finally:
            texts = [comparison.text for comparison in self._comparisons]
            values = "; ".join(_shorten(list(dict.fromkeys(texts))))
            self.evidence.append(Evidence(assertion, truncate(values, LONGEST), holds))
        return holds

    def _record(self, operator: str, value: Any) -> Any:
        """Record an operand and the operator before it, which is "" for the first operand."""
        if not operator:
            self._comparisons.append(_Comparison())
        self._comparisons[-1].operands.append((operator, format_value(value)))
        return value


@dataclass
class _Comparison:
    """A chain of comparisons: operators and operands as text."""

    operands: list[tuple[str, str]] = field(default_factory=list)

    @property
    def text(self) -> str:
        """The chain of comparisons as text, or one value if all operands have this value."""
        operators = {operator for operator, _ in self.operands[1:]}
        values = [value for _, value in self.operands]
        if operators == {"=="} and len(set(values)) == 1:
            return values[0]
        return " ".join(f"{operator} {value}" for operator, value in self.operands).strip()


def _shorten(comparisons: list[str]) -> list[str]:
    """Return the first comparisons and the last one, which decides a false assertion."""
    more = len(comparisons) - MOST
    return comparisons if more <= 0 else [*comparisons[:3], f"{more} more", comparisons[-1]]


@cache
def _compiled(check: Callable[..., None]) -> CodeType:
    source = textwrap.dedent(inspect.getsource(check))
    tree = _AssertRewriter(source).visit(ast.parse(source))
    ast.increment_lineno(tree, check.__code__.co_firstlineno - 1)
    return compile(ast.fix_missing_locations(tree), check.__code__.co_filename, "exec")


class _AssertRewriter(ast.NodeTransformer):
    """Rewrite the assertions so that a Recorder receives their operands."""

    def __init__(self, source: str) -> None:
        self._source = source

    def visit_Assert(self, node: ast.Assert) -> ast.Assert:
        """Replace `assert test` by `assert __judge__("test", lambda: test)`."""
        text = " ".join((ast.get_source_segment(self._source, node.test) or "").split())
        test = ast.Lambda(_NO_ARGUMENTS, _record_operands(node.test))
        node.test = _call(JUDGE, node.test, ast.Constant(text), test)
        return node


_NO_ARGUMENTS = ast.arguments([], [], None, [], [], None, [])


def _record_operands(test: ast.expr) -> ast.expr:
    """Return the test with its deciding operands wrapped in calls that record them."""
    match test:
        case ast.BoolOp():
            test.values = [_record_operands(value) for value in test.values]
        case ast.UnaryOp(op=ast.Not()):
            test.operand = _record_operands(test.operand)
        case ast.Call(func=ast.Name("any" | "all"), args=[ast.GeneratorExp() as items]):
            items.elt = _record_operands(items.elt)
        case ast.Call(func=ast.Name("isinstance")):
            test.args[0] = _wrap("", test.args[0])
        case ast.Compare():
            test.left = _wrap("", test.left)
            symbols = [OPERATORS[type(operator)] for operator in test.ops]
            test.comparators = [
                _wrap(symbol, operand)
                for symbol, operand in zip(symbols, test.comparators, strict=True)
            ]
        case _:
            return _wrap("", test)
    return test


def _wrap(operator: str, operand: ast.expr) -> ast.expr:
    return _call(RECORD, operand, ast.Constant(operator), operand)


def _call(name: str, at: ast.expr, *arguments: ast.expr) -> ast.expr:
    return ast.copy_location(ast.Call(ast.Name(name, ast.Load()), list(arguments), []), at)
