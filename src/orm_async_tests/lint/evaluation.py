"""Determines the values of calls, annotations, and subscripts such as `items[0]`."""

import ast
from collections.abc import Iterable
from typing import TYPE_CHECKING

from orm_async_tests.lint import sqlalchemy_types as sa
from orm_async_tests.lint.scopes import Scope, last_name
from orm_async_tests.lint.value import Value, union

if TYPE_CHECKING:
    from orm_async_tests.lint.resolution import Project


def evaluate_result(project: "Project", function: Scope, value: Value) -> Value | None:
    annotation, outside = getattr(function.node, "returns", None), function.parent or function
    names = function.decorators
    returned = None
    if annotation:
        returned = project.instance_of(annotation, outside)
        if last_name(annotation) == "Self" and value.inner:
            returned = value.inner._replace(kind="instance")
        if function.yielded and returned and returned.kind == "item":
            returned = returned.inner
    if returned is None or returned.kind == "call" or returned.is_a(sa.CONNECTION):
        nodes: Iterable[ast.expr | None] = function.returned
        if function.yielded:
            nodes = (item.value for item in function.yielded)
        inner = union([project.value(node, function) for node in [*nodes][:6] if node])
        returned = inner or returned
    if returned is None:
        return Value("await") if function.is_async and not function.yielded else None
    if names & {"asynccontextmanager", "contextmanager"}:
        return Value("enter", inner=returned)
    if function.yielded:
        return Value("item", inner=returned)
    return Value("await", inner=returned) if function.is_async else returned


def declared_result(project: "Project", function: Scope, name: str) -> Value | None:
    """Infer from the return annotation that the variable `name` holds a session."""
    annotation = getattr(function.node, "returns", None)
    yielded = [item.value for item in function.yielded]
    if not annotation or name not in {*map(last_name, (*yielded, *function.returned))}:
        return None
    value = project.instance_of(annotation, function.parent or function)
    value = value.inner if yielded and value and value.kind == "item" else value
    return value if value and value.is_session else None


def evaluate_call(
    project: "Project", callee: Value | None, call: ast.Call, scope: Scope
) -> Value | None:
    match callee:
        case Value(kind="class"):
            return _construct(project, callee, call, scope)
        case Value(kind="function"):
            return project.result(callee)
        case Value(kind="call"):
            return callee.inner
        case Value(kind="method", name="enter_async_context") if call.args:
            return Value("await", inner=project.unwrap("enter", project.value(call.args[0], scope)))
        case Value(kind="method", inner=Value() as owner):
            return _call_method(owner, callee.name)
        case Value(kind="instance", name=sa.FACTORY | sa.SCOPED, module=""):
            return Value("instance", sa.SESSION, inner=callee.inner)
        case Value(kind="instance", name=sa.DECLARED, module=""):
            return callee
        case Value(kind="instance", module=module) if module:
            method = project.attribute(callee, "__call__")
            return project.result(method) if method else None
        case Value(kind="external", name=name):
            return _call_external(project, name, call, scope)
    return None


def _construct(project: "Project", cls: Value, call: ast.Call, scope: Scope) -> Value | None:
    if not cls.module and cls.name in ("sessionmaker", sa.FACTORY):
        for node in (*call.args, *(keyword.value for keyword in call.keywords)):
            value = project.value(node, scope)
            if value and value.kind == "class" and value.name == sa.SESSION:
                return Value("instance", sa.FACTORY, inner=value.inner)
    return cls._replace(kind="instance")


def _call_method(owner: Value, name: str) -> Value | None:
    base = sa.SESSION if owner.name in (sa.SCOPED, sa.DECLARED) else owner.name
    if owner.kind != "instance":
        return None
    wrapper, cls = sa.METHODS.get((base, name), ("", ""))
    if wrapper:
        value = Value("instance", cls)
        return value if wrapper == "instance" else Value(wrapper, inner=value)
    if name in sa.COROUTINES.get(owner.name, ()):
        return Value("await", "coroutine")
    return None


def _call_external(project: "Project", name: str, call: ast.Call, scope: Scope) -> Value | None:
    library, last = name.partition(".")[0], name.rpartition(".")[2]
    if library in sa.LIBRARIES and last in sa.FUNCTIONS:
        return Value(sa.FUNCTIONS[last][0], sa.FUNCTIONS[last][1])
    if last in sa.FUTURES:
        return Value("instance", "blocking")
    nodes = [*call.args, *(k.value for k in call.keywords if k.arg in ("dependency", "bound"))]
    if last in sa.PASSING:
        return project.value(nodes[sa.PASSING[last]], scope) if nodes[sa.PASSING[last] :] else None
    if not nodes:
        return None
    if last == "cast" and len(nodes) > 1:
        return project.instance_of(nodes[0], scope)
    if last == "getattr" and len(nodes) > 1 and isinstance(nodes[1], ast.Constant):
        return project.attribute(project.value(nodes[0], scope), str(nodes[1].value))
    value = project.value(nodes[0], scope)
    match last:
        case "AppKey":  # of aiohttp
            return Value("key", inner=project.instance_of(nodes[1], scope)) if nodes[1:] else None
        case "aclosing":
            return value and Value("enter", inner=value)
        case "anext":
            return Value("await", inner=project.unwrap("item", value))
        case "next":
            return project.unwrap("item", value)
    return _bind(project, last, nodes[0], scope) if last in sa.CALLING else None


def _bind(project: "Project", name: str, function: ast.expr, scope: Scope) -> Value | None:
    """Return the value of a call such as partial(f) or Depends(f)."""
    value = project.value(function, scope)
    result = evaluate_call(project, value, ast.Call(function, [], []), scope)
    match name:
        case "partial":
            callee = project.callee(function, scope)
            return Value("call", inner=result, parts=(callee,)) if callee or result else None
        case "Depends" | "Security":
            while result and result.kind in ("item", "await", "enter"):
                result = result.inner
            return result
    is_generator = result and result.kind == "item"
    return Value("call", inner=result._replace(kind="enter")) if result and is_generator else None


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
    is_tuple = name in ("tuple", "Tuple") and len(parts) > 1
    if (inner is None and not is_tuple) or name in sa.TRANSPARENT:
        return inner
    if name == "Union":
        return union([project.instance_of(part, scope) for part in parts])
    if inner and name in ("type", "Type"):
        return inner._replace(kind="class")
    if is_tuple and not any(isinstance(part, ast.Constant) for part in parts):
        items = tuple(project.instance_of(part, scope) for part in parts)
        return Value("item", inner=union([*items]), parts=items) if any(items) else None
    kind = next((kind for kind, names in sa.GENERIC.items() if name in names), "")
    return Value(kind, inner=inner) if kind else None


def evaluate_subscript(project: "Project", node: ast.Subscript, scope: Scope) -> Value | None:
    origin, key = project.value(node.value, scope), project.value(node.slice, scope)
    if key and key.kind == "key":
        return key.inner
    if origin and origin.kind == "class":
        return origin
    if origin and origin.kind == "item":
        match node.slice:
            case ast.Constant(value=int(number)) if 0 <= number < len(origin.parts):
                return origin.parts[number]
        return origin.inner
    if origin and origin.kind == "instance" and isinstance(node.slice, ast.Constant):
        return project.attribute(origin, str(node.slice.value))  # of a TypedDict
    return project.stored(node, scope) or _generic(project, node, scope)
