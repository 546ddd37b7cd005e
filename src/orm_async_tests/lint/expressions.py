"""Answers questions of the control flow about expressions, for example which exceptions a handler
catches.
"""

import ast
from collections.abc import Iterator

from orm_async_tests.lint.flow_state import DATABASE, TIMEOUT, State
from orm_async_tests.lint.terms import Scope

ERRORS = {"SQLAlchemyError", "DBAPIError", "IntegrityError", "OperationalError", "DataError",
          "ProgrammingError", "InternalError", "DatabaseError", "StatementError", "Exception",
          "BaseException", "NotSupportedError", "InterfaceError"}  # fmt: skip


def catches(names: list[str], kinds: frozenset[str]) -> bool:
    """Return whether a handler for these exceptions catches an exception of one of these kinds."""
    if set(names) & {"Exception", "BaseException"} or set(names) & kinds:
        return True
    return (DATABASE in kinds and bool(set(names) & ERRORS)) or (
        TIMEOUT in kinds and "TimeoutError" in names
    )


def set_fact(state: State, name: str, value: ast.expr) -> None:
    """Remember whether the constant that is assigned to a name is true. If the value is no
    constant, forget the name.
    """
    match value:
        case ast.Constant(value=constant):
            state.facts[name] = bool(constant)
        case ast.List(elts=[]) | ast.Dict(keys=[]) | ast.Tuple(elts=[]):
            state.facts[name] = False
        case ast.Name(id=other) if other in state.facts:
            state.facts[name] = state.facts[other]
        case ast.Call(func=ast.Name(id="str" | "repr"), args=[ast.Name(id=other)]) if (
            state.facts.get(other)
        ):
            state.facts[name] = True
        case _:
            state.facts.pop(name, None)


def assignments(node: ast.stmt) -> Iterator[tuple[ast.expr, ast.expr]]:
    """Yield the targets of an assignment, each with its value."""
    match node:
        case ast.AnnAssign(target=target, value=ast.expr() as value):
            yield target, value
        case ast.Assign(targets=[ast.Tuple(elts=parts)], value=ast.Tuple(elts=values)):
            yield from zip(parts, values, strict=False)
        case ast.Assign(targets=targets, value=value):
            yield from ((target, value) for target in targets)


def facts_of(test: ast.expr, scope: Scope) -> Iterator[tuple[str, bool]]:
    """Yield the names that a test makes true or false: "if not ok" means that ok is false."""
    match test:
        case ast.Name(id=name):
            yield name, True
        case ast.UnaryOp(op=ast.Not(), operand=ast.BoolOp(op=ast.Or(), values=values)):
            for value in values:
                yield from facts_of(ast.UnaryOp(ast.Not(), value), scope)
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            for name, truth in _single_fact(operand, scope):
                yield name, not truth
        case ast.Compare(left=ast.Name(id=name), ops=[ast.Is()], comparators=[ast.Constant(None)]):
            yield name, False
        case ast.Compare(
            left=ast.Name(id=name), ops=[ast.IsNot()], comparators=[ast.Constant(None)]
        ):
            yield name, True
        case ast.BoolOp(op=ast.And(), values=values):
            for value in values:
                yield from facts_of(value, scope)


def _single_fact(test: ast.expr, scope: Scope) -> Iterator[tuple[str, bool]]:
    """Yield the name that a test makes true or false. Yield nothing if the test has several parts,
    because if "a and b" is false, a may still be true.
    """
    if not isinstance(test, ast.BoolOp):
        yield from facts_of(test, scope)


def is_true(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and bool(node.value)


def names(node: ast.AST | None) -> list[str]:
    return [item.id for item in ast.walk(node) if isinstance(item, ast.Name)] if node else []


def last_name(node: ast.AST | None) -> str:
    """Return the last name of an expression such as errors.NotFound(...)."""
    match node:
        case ast.Call(func=func):
            return last_name(func)
        case ast.Attribute(attr=name) | ast.Name(id=name):
            return name
    return ""
