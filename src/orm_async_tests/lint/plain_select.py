"""Recognizes the calls that execute a plain SELECT, which rarely fails."""

import ast

from orm_async_tests.lint.resolution import Project
from orm_async_tests.lint.scopes import Scope, last_name

SPECIAL = {"text", "literal_column", "with_for_update", "op"}  # calls that may make a SELECT fail
FUNCTIONS = {"count", "sum", "max", "min", "avg", "coalesce", "lower", "upper", "date", "now"}


def is_plain_select(project: Project, call: ast.Call, scope: Scope) -> bool:
    """Return whether a call executes a SELECT that rarely fails.

    Return False for a call in a function that uses text(), a lock or an unusual SQL function.
    """
    known = scope.module.values
    if (scope, "special") not in known:
        nodes = [*ast.walk(scope.node)]
        called = {last_name(node) for node in nodes if isinstance(node, ast.Call)}
        functions = {getattr(node, "attr", "") for node in nodes
                     if last_name(getattr(node, "value", None)) == "func"}  # fmt: skip
        known[scope, "special"] = bool(called & SPECIAL or functions - FUNCTIONS)
    return not known[scope, "special"] and any(
        _is_select(project, node, scope) for node in call.args[:1]
    )


def _is_select(project: Project, node: ast.AST, scope: Scope, names: tuple[str, ...] = ()) -> bool:
    """Return whether all possible values of an expression are SELECT statements."""
    while isinstance(node, ast.Call):  # of methods such as where()
        if last_name(node) == "select":
            return True
        node = getattr(node.func, "value", node.func)
    if isinstance(node, ast.Name) and (owner := scope.find(node.id)):
        inner = (*names, node.id)
        return node.id in names or all(
            item.kind == "value" and _is_select(project, item.node, item.scope, inner)
            for item in owner.bindings[node.id]
        )
    source, inner_scope = project.origin(node, scope)
    return source is not node and _is_select(project, source, inner_scope, names)
