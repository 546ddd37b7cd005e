"""Stores what the checker knows about sessions at one line of a function."""

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from orm_async_tests.lint.plain_statements import WRITE
from orm_async_tests.lint.scopes import walk

DATABASE, TIMEOUT, CANCELLED = "database error", "timeout", "CancelledError"
RESULT = ""  # stands for the value that a call has returned
TRUE = object()  # stands for any object that is true, for example an exception
UNKNOWN = object()
EMPTY = (ast.List, ast.Tuple, ast.Dict)
MAX_STATES = 12  # states at one point


class Failure(NamedTuple):
    """An error that left a session in a failed transaction."""

    node: ast.AST
    """The code that failed, for example a call to execute()."""

    kind: str


@dataclass
class State:
    """What the checker knows about a function's sessions at one line.

    A line can have several states, because the statement before it may fail or succeed.
    """

    failures: dict[str, frozenset[Failure]] = field(default_factory=dict)
    """The errors of each session, by its path, for example "self.session"."""

    begun: dict[str, ast.AST] = field(default_factory=dict)
    """The call that began a transaction, by the path of the session."""

    facts: dict[str, object] = field(default_factory=dict)
    """The known values of variables, by name."""

    def copy(self) -> "State":
        return State(dict(self.failures), dict(self.begun), dict(self.facts))

    def failed(self, key: str, failure: Failure, result: object = UNKNOWN) -> "State":
        """Return a copy of this state in which one more error of the session `key` is pending.

        The parameter `result` is the value that a function returned after it swallowed the error.
        """
        group = self.failures.get(key, frozenset()) | {failure}
        facts = {} if result is UNKNOWN else {RESULT: result}
        failures = {**self.failures, key: group}
        return State(failures, dict(self.begun), self.facts | facts)

    def clear(self, key: str) -> None:
        """Forget the errors and the transaction of the session with the key `key`."""
        for store in (self.failures, self.begun):
            # A held session such as "users.session" may be the same session.
            for name in [name for name in store if name == key or (
                is_held(name) and name.rpartition(".")[0] != key.rpartition(".")[0]
            )]:  # fmt: skip
                del store[name]

    def rebind(self, name: str) -> None:
        """Forget the old value of a variable."""
        self.facts.pop(name, None)
        for store in (self.failures, self.begun):
            for key in [key for key in store if key == name or key.startswith(f"{name}.")]:
                del store[key]

    def assign(self, name: str, value: ast.expr | None) -> None:
        if not name:
            return
        result = self.facts.get(RESULT, self.evaluate(value)) if value else UNKNOWN
        self.rebind(name)
        if result is not UNKNOWN:
            self.facts[name] = result

    def end_statement(self, node: ast.stmt) -> None:
        """Forget facts that a statement may change, for example that a list is empty."""
        self.facts.pop(RESULT, None)
        empty = {name for name, value in self.facts.items() if value == ()}
        if not empty:
            return
        for item in walk(node):
            if isinstance(item, ast.Name) and isinstance(item.ctx, ast.Load) and item.id in empty:
                self.facts.pop(item.id, None)

    def evaluate(self, node: ast.expr) -> object:
        """Return the known value of an expression, TRUE for any true value, or UNKNOWN."""
        match node:
            case ast.Name(id=name):
                return self.facts.get(name, UNKNOWN)
            case ast.Call(func=ast.Name(id="str" | "repr"), args=[ast.Name()]) | ast.JoinedStr():
                return TRUE
        constant = constant_of(node)
        return UNKNOWN if constant is TRUE else constant

    def may_be(self, test: ast.expr, truth: bool) -> bool:
        sessions = dict.fromkeys(self.failures, TRUE)  # a session that failed is not None
        return truth_of(test, self.facts | sessions) in (truth, None)


@dataclass(frozen=True)
class Raised:
    """An exception that the syntax node `node` may raise."""

    key: str
    node: ast.AST
    kinds: frozenset[str]
    """DATABASE, TIMEOUT, CANCELLED, or the names of other exception classes."""

    states: list[State]
    operations: frozenset[str] = frozenset({WRITE})
    """What the code does with the session."""

    def after(self, timeouts: int) -> "Raised":
        """Return the exception behind a block with timeouts, which cancel the code in the block."""
        is_cancelled = timeouts > 0 and CANCELLED in self.kinds
        return replace(self, kinds=self.kinds - {CANCELLED} | {TIMEOUT}) if is_cancelled else self


def is_held(key: str) -> bool:
    """Return whether the session is an attribute of an object, for example "users.session"."""
    return "." in key.removeprefix("self.")


def join(states: Iterable[State]) -> list[State]:
    """Merge states with the same failures, so that the number of states stays small."""
    known: dict[object, State] = {}
    for state in states:
        failures = {key: group for key, group in state.failures.items() if group}
        group_key = frozenset(failures.items()) if len(known) < MAX_STATES else None
        other = known.setdefault(group_key, state.copy())
        for key, group in failures.items():
            other.failures[key] = other.failures.get(key, frozenset()) | group
        other.begun = {key: node for key, node in other.begun.items() if key in state.begun}
        other.facts = dict(other.facts.items() & state.facts.items())
    return [*known.values()]


def constant_of(node: ast.expr) -> object:
    """Return the value of a constant, () for an empty collection, and TRUE otherwise."""
    if isinstance(node, ast.Constant):
        return node.value
    if isinstance(node, ast.Attribute) and node.attr.isupper():  # a member of an enumeration
        return ast.unparse(node)
    is_empty = isinstance(node, EMPTY) and not [*ast.iter_child_nodes(node)][1:]
    return () if is_empty else TRUE


def truth_of(test: ast.expr, facts: dict[str, object]) -> bool | None:
    """Return whether a condition is true, or None if this is unknown."""
    match test:
        case ast.Name() | ast.Attribute() | ast.Await() | ast.NamedExpr():
            name = _name_of(test)
            return bool(facts[name]) if name in facts else None
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            result = truth_of(operand, facts)
            return None if result is None else not result
        case ast.BoolOp(op=op, values=values):
            results = [truth_of(value, facts) for value in values]
            decisive = isinstance(op, ast.Or)
            if decisive in results:
                return decisive
            return None if None in results else not decisive
        case ast.Compare(
            left=ast.Name() | ast.Attribute() | ast.Await() | ast.NamedExpr() as subject,
            ops=[ast.Is() | ast.IsNot() | ast.Eq() | ast.NotEq() | ast.In() | ast.NotIn() as op],
            comparators=[other],
        ) if (name := _name_of(subject)) in facts:
            nodes = other.elts if isinstance(other, (ast.Tuple, ast.Set, ast.List)) else [other]
            constants = [constant_of(node) for node in nodes]
            if TRUE in constants or (facts[name] is TRUE and any(constants)):
                return None  # an unknown object may be equal to a constant
            return (facts[name] in constants) == isinstance(op, (ast.Is, ast.Eq, ast.In))
    return None


def _name_of(node: ast.expr) -> str:
    if isinstance(node, ast.Attribute):
        return ast.unparse(node)
    return getattr(getattr(node, "target", node), "id", RESULT)


def assignments(node: ast.stmt) -> Iterator[tuple[ast.expr, ast.expr | None]]:
    """Yield each target of an assignment with its value, or with None if the value is unknown."""
    match node:
        case ast.AnnAssign(target=target, value=ast.expr() as value):
            yield target, value
        case ast.AugAssign():
            yield node.target, None
        case ast.Assign(targets=[ast.Tuple(elts=parts)], value=ast.Tuple(elts=values)):
            yield from zip(parts, values, strict=False)
        case ast.Assign(targets=targets, value=value):
            for place in targets:
                yield place, value
                yield from ((part, None) for part in getattr(place, "elts", ()))
