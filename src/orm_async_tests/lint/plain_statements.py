"""Finds the calls that execute a SELECT, an UPDATE or a DELETE which rarely fails."""

import ast

from orm_async_tests.lint.resolution import Project
from orm_async_tests.lint.scopes import Scope, last_name, walk

SPECIAL = {"text", "literal_column", "with_for_update", "op"}  # calls that may make a SELECT fail
FUNCTIONS = {"count", "sum", "max", "min", "avg", "coalesce", "lower", "upper", "date", "now"}
CHANGE = "change"  # the operation of a plain UPDATE or DELETE
WRITE = "write"  # the operation of a statement that is not known to be plain


def change_by(project: Project, call: ast.Call, scope: Scope) -> frozenset[str]:
    """Return {} if a call executes a plain SELECT, else {CHANGE} or {WRITE}.

    Return {WRITE} for a call in a function that uses text(), a lock or an unusual SQL function.
    """
    known = scope.module.values
    if (scope, "special") not in known:
        nodes = [*walk(scope.node)]
        called = {last_name(node) for node in nodes if isinstance(node, ast.Call)}
        functions = {getattr(node, "attr", "") for node in nodes
                     if last_name(getattr(node, "value", None)) == "func"}  # fmt: skip
        known[scope, "special"] = bool(called & SPECIAL or functions - FUNCTIONS)
    if known[scope, "special"] or not call.args:
        return frozenset({WRITE})
    statements = _statements(project, call.args[0], scope)
    if not statements <= {"select", "update", "delete"}:
        return frozenset({WRITE})
    return frozenset({CHANGE} if statements - {"select"} else ())


def _statements(
    project: Project, node: ast.AST, scope: Scope, names: tuple[str, ...] = ()
) -> set[str]:
    """Return the functions that create a statement, in all values of its variable."""
    while isinstance(node, ast.Call):  # of methods such as where()
        if (name := last_name(node)) in ("select", "update", "delete"):
            return {name}
        node = getattr(node.func, "value", node.func)
    if isinstance(node, ast.Name) and (owner := scope.find(node.id)):
        if node.id in names:
            return set()
        inner = (*names, node.id)
        items = [_statements(project, item.node, item.scope, inner) if item.kind == "value"
                 else {""} for item in owner.bindings[node.id]]  # fmt: skip
        return set[str]().union(*items)
    source, inner_scope = project.origin(node, scope)
    return {""} if source is node else _statements(project, source, inner_scope, names)
