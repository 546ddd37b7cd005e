"""Stores what is known about the sessions of a function at one point of its code."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

DATABASE, TIMEOUT = "database error", "timeout"
RESULT = ""  # the name of what a call has returned
TRUE = object()  # stands for any object that is true, for example an exception
EMPTY = (ast.List, ast.Tuple, ast.Dict)


@dataclass(frozen=True)
class Failure:
    """An error that left a session in a failed transaction."""

    node: ast.AST
    """What failed, for example a call of execute()."""

    kind: str
    facts: tuple[tuple[str, object], ...] = ()
    """Which constants names hold if it has failed: the handler has set them.

    The empty name is the result of the call that has failed.
    """


@dataclass
class State:
    """The sessions of a function that have failed or have begun a transaction, by their keys."""

    failures: dict[str, frozenset[Failure]] = field(default_factory=dict)
    begun: dict[str, ast.AST] = field(default_factory=dict)
    facts: dict[str, object] = field(default_factory=dict)
    """Names that hold a constant."""

    def copy(self) -> "State":
        return State(dict(self.failures), dict(self.begun), dict(self.facts))

    def fail(self, key: str, failure: Failure) -> None:
        """Record that an error left a session in a failed transaction."""
        self.failures[key] = self.failures.get(key, frozenset()) | {failure}

    def clear(self, key: str) -> None:
        """Forget a session, because it was rolled back, closed or replaced.

        Forget the sessions that objects hold too, because an object may hold the same session.
        """
        for store in (self.failures, self.begun):
            for name in [name for name in store if name == key or is_held(name)]:
                del store[name]

    def set_fact(self, name: str, value: ast.expr) -> None:
        """Remember the constant that is assigned to a name. Forget the name for any other value."""
        match value:
            case ast.Name(id=other) if other in self.facts:
                self.facts[name] = self.facts[other]
            case ast.Call(func=ast.Name(id="str" | "repr"), args=[ast.Name()]) | ast.JoinedStr():
                self.facts[name] = TRUE
            case _:
                constant = constant_of(value)
                if constant is TRUE:
                    self.facts.pop(name, None)
                else:
                    self.facts[name] = constant

    def name_result(self, name: str = "") -> None:
        """Give a name to the result of the last call, or forget the result."""
        if not self.failures:
            return
        self.failures = {
            key: frozenset(
                replace(one, facts=tuple((name, value) if not other else (other, value)
                                         for other, value in one.facts if other or name))
                for one in group
            )
            for key, group in self.failures.items()
        }  # fmt: skip

    def note_facts(self, failures: set[Failure]) -> None:
        """Add the facts that hold at the end of an exception handler to the failures that the
        handler caught.
        """
        facts = tuple(self.facts.items())
        self.failures = {
            key: frozenset(replace(one, facts=facts) if one in failures else one for one in group)
            for key, group in self.failures.items()
        }

    def assume(self, test: ast.expr, truth: bool) -> None:
        """Remove the failures that are impossible if a test is true, or if it is false."""
        claims = [*_claims(test, truth)]
        for key, group in self.failures.items() if claims else ():
            possible = frozenset(one for one in group if _may_hold(claims, dict(one.facts)))
            self.failures = {**self.failures, key: possible}


@dataclass(frozen=True)
class Raised:
    """An exception that a statement inside a `try` may raise."""

    key: str
    node: ast.AST
    kinds: frozenset[str]
    """DATABASE, TIMEOUT, or the name of another exception class."""

    state: State


def is_held(key: str) -> bool:
    """Return whether the function reaches a session only through an object, for example as
    "users.session".
    """
    return "." in key.removeprefix("self.")


def join(*states: State | None) -> State | None:
    """Return what is known at a point where several paths meet. None stands for a path that ends
    before the meeting point.
    """
    known = [state for state in states if state is not None]
    if not known:
        return None
    result = known[0].copy()
    for state in known[1:]:
        for key, group in state.failures.items():
            result.failures[key] = result.failures.get(key, frozenset()) | group
        result.begun = {key: node for key, node in result.begun.items() if key in state.begun}
        result.facts = {
            name: value
            for name, value in result.facts.items()
            if name in state.facts and state.facts[name] == value
        }
    return result


def constant_of(node: ast.expr) -> object:
    """Return a constant that can be compared with others, or TRUE."""
    if isinstance(node, ast.Constant):
        return node.value
    if isinstance(node, ast.Attribute) and node.attr.isupper():  # a member of an enumeration
        return ast.unparse(node)
    is_empty = isinstance(node, EMPTY) and not [*ast.iter_child_nodes(node)][1:]
    return () if is_empty else TRUE


Claim = tuple[str, str, object, bool]


def _claims(test: ast.expr, truth: bool) -> Iterator[Claim]:
    """Yield the claims of a test about names. A claim has a relation, its constants, and whether
    the relation holds.
    """
    match test:
        case (
            ast.Name(id=name)
            | ast.Call(func=ast.Name(id="len" | "bool" | "any"), args=[ast.Name(id=name)])
        ):
            yield name, "true", None, truth
        case ast.Await():
            yield RESULT, "true", None, truth
        case ast.NamedExpr(target=ast.Name(id=name)):
            yield name, "true", None, truth
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            yield from _claims(operand, not truth)
        case ast.BoolOp(op=op, values=values) if isinstance(op, ast.And) == truth:
            for value in values:
                yield from _claims(value, truth)
        case ast.Compare(left=ast.Call() as left, ops=[ast.Gt()], comparators=[ast.Constant(0)]):
            yield from _claims(left, truth)
        case ast.Compare(
            left=ast.Name() | ast.Await() | ast.NamedExpr() as subject,
            ops=[op],
            comparators=[other],
        ):
            name = getattr(getattr(subject, "target", subject), "id", RESULT)
            is_positive = isinstance(op, (ast.Is, ast.Eq, ast.In))
            nodes = other.elts if isinstance(other, (ast.Tuple, ast.Set, ast.List)) else [other]
            constants = [constant_of(node) for node in nodes]
            if isinstance(op, (ast.Is, ast.IsNot, ast.Eq, ast.NotEq, ast.In, ast.NotIn)) and (
                TRUE not in constants
            ):
                yield name, "among", constants, truth == is_positive


def _may_hold(claims: list[Claim], facts: dict[str, object]) -> bool:
    """Return whether claims can be true for names that have these constants as values."""
    for name, relation, constants, truth in claims:
        if name not in facts:
            continue
        value = facts[name]
        if relation == "true":
            holds = bool(value)
        elif value is TRUE:
            if isinstance(constants, list) and any(constants):
                continue  # an unknown object may be equal to a constant
            holds = False
        else:
            holds = isinstance(constants, list) and value in constants
        if holds != truth:
            return False
    return True


def assignments(node: ast.stmt) -> Iterator[tuple[ast.expr, ast.expr]]:
    """Yield the targets of an assignment, each with its value."""
    match node:
        case ast.AnnAssign(target=target, value=ast.expr() as value):
            yield target, value
        case ast.Assign(targets=[ast.Tuple(elts=parts)], value=ast.Tuple(elts=values)):
            yield from zip(parts, values, strict=False)
        case ast.Assign(targets=targets, value=value):
            yield from ((target, value) for target in targets)
