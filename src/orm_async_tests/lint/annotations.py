"""Finds what annotations describe, and what subscriptions select."""

import ast
from typing import TYPE_CHECKING

from orm_async_tests.lint import sqlalchemy_types as sa
from orm_async_tests.lint.scopes import Scope, last_name
from orm_async_tests.lint.value import Value, union

if TYPE_CHECKING:
    from orm_async_tests.lint.resolution import Project


def evaluate_annotation(project: "Project", annotation: ast.AST, scope: Scope) -> Value | None:
    match annotation:
        case ast.Constant(value=str(text)):
            try:
                return project.instance_of(ast.parse(text, mode="eval").body, scope)
            except SyntaxError:
                return None
        case ast.BinOp(left=left, op=ast.BitOr(), right=right):
            return union([project.instance_of(left, scope), project.instance_of(right, scope)])
        case ast.Subscript():
            return _generic(project, annotation, scope)
    value = project.value(annotation, scope)
    if value and value.kind == "class":
        return value._replace(kind="instance")
    return value if value and value.kind not in ("external", "function") else None


def _generic(project: "Project", node: ast.Subscript, scope: Scope) -> Value | None:
    origin = project.value(node.value, scope)
    if origin and origin.kind == "class":
        return origin._replace(kind="instance")
    parts = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
    name = (origin.name if origin else last_name(node.value)).rpartition(".")[2]
    inner = project.instance_of(parts[-1 if name in sa.LAST_PART else 0], scope) if parts else None
    if name == "Annotated" and inner is None and len(parts) > 1:
        return project.value(parts[1], scope)
    if inner is None or name in sa.TRANSPARENT:
        return inner
    if name == "Union":
        return union([project.instance_of(part, scope) for part in parts])
    if name in ("type", "Type"):
        return inner._replace(kind="class")
    kind = next((kind for kind, names in sa.GENERIC.items() if name in names), "")
    return Value(kind, inner=inner) if kind else None


def evaluate_subscript(project: "Project", node: ast.Subscript, scope: Scope) -> Value | None:
    origin = project.value(node.value, scope)
    if origin and origin.kind == "class":
        return origin
    if origin and origin.kind == "item":
        match node.slice:
            case ast.Constant(value=int(number)) if 0 <= number < len(origin.parts):
                return origin.parts[number]
        return origin.inner
    return project.stored(node, scope) or _generic(project, node, scope)
