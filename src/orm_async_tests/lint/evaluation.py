"""Determines the values of expressions and annotations."""

import ast
from typing import TYPE_CHECKING, Any

from orm_async_tests.lint import sqlalchemy_types as sa
from orm_async_tests.lint.scopes import Scope, last_name
from orm_async_tests.lint.value import Value, union

if TYPE_CHECKING:
    from orm_async_tests.lint.resolution import Project

METHODS = {  # what the methods of a class return
    (sa.ENGINE, "connect"): Value("instance", sa.CONNECTING),
    (sa.ENGINE, "begin"): Value("enter", inner=Value("instance", sa.CONNECTION)),
    (sa.ENGINE, "execution_options"): Value("instance", sa.ENGINE),
    (sa.FACTORY, "begin"): Value("enter", inner=Value("instance", sa.SESSION)),
    (sa.CONNECTION, "execution_options"): Value("await", inner=Value("instance", sa.CONNECTION)),
    ("executor", "submit"): Value("instance", "blocking"),
}
for _owner in (sa.SESSION, sa.SCOPED, sa.DECLARED, sa.CONNECTION):
    METHODS[_owner, "begin"] = METHODS[_owner, "begin_nested"] = Value("instance", sa.TRANSACTION)
    METHODS[_owner, "stream"] = Value("await", inner=Value("instance", "AsyncResult"))
    METHODS[_owner, "connection"] = Value("await", inner=Value("instance", sa.CONNECTION))


def evaluate(project: "Project", node: Any, scope: Scope) -> Value | None:
    match node:
        case ast.Attribute():
            return _evaluate_attribute(project, node, scope)
        case ast.Call(func=func):
            return evaluate_call(project, project.callee(func, scope), node, scope)
        case ast.Subscript():
            return _evaluate_subscript(project, node, scope)
        case ast.Await(value=awaited):
            return project.unwrap("await", project.value(awaited, scope))
        case ast.NamedExpr(value=named):
            return project.value(named, scope)
        case ast.Lambda():
            name = f"lambda {node.lineno} {node.col_offset}"
            name = f"{scope.name}.{name}" if scope.name else name
            return Value("function", name, scope.module.path)
        case ast.IfExp(body=left, orelse=right) | ast.BinOp(left=left, right=right):
            return union([project.value(left, scope), project.value(right, scope)])
        case ast.BoolOp(values=values):
            return union([project.value(item, scope) for item in values])
        case ast.Tuple(elts=items) | ast.List(elts=items) | ast.Set(elts=items):
            parts = tuple(project.value(item, scope) for item in items[:8])
            return Value("item", inner=union([*parts]), parts=parts) if any(parts) else None
        case ast.Dict(values=items):
            inner = union([project.value(item, scope) for item in items[:8]])
            return inner and Value("item", inner=inner)
        case (
            ast.ListComp(elt=item)
            | ast.SetComp(elt=item)
            | ast.GeneratorExp(elt=item)
            | ast.DictComp(value=item)
        ):
            inner = project.value(item, scope)
            return inner and Value("item", inner=inner)
    return None


def _evaluate_attribute(project: "Project", node: ast.Attribute, scope: Scope) -> Value | None:
    value = project.attribute(project.value(node.value, scope), node.attr)
    if value and value.kind == "external":  # perhaps `import app.models` without __init__.py
        path = project.find(value.name, 0, scope.module.path)
        return Value("module", value.name, path) if path else value
    return value or project.stored(node, scope)


def evaluate_result(project: "Project", function: Scope) -> Value | None:
    returned = _declared(project, function)
    if returned is None or returned.kind == "call" or returned.is_a(sa.CONNECTION):
        nodes = [item.value for item in function.yielded] or function.returned
        inner = union([project.value(node, function) for node in nodes[:6] if node])
        returned = inner or returned
    if returned is None:
        return Value("await") if function.is_async and not function.yielded else None
    if function.decorators & {"asynccontextmanager", "contextmanager"}:
        return Value("enter", inner=returned)
    if function.yielded:
        return Value("item", inner=returned)
    return Value("await", inner=returned) if function.is_async else returned


def _declared(project: "Project", function: Scope) -> Value | None:
    """Return what a function returns or yields according to its annotation."""
    annotation = getattr(function.node, "returns", None)
    value = project.instance_of(annotation, function.parent or function) if annotation else None
    return value.inner if function.yielded and value and value.kind == "item" else value


def declared_result(project: "Project", function: Scope, name: str) -> Value | None:
    """Infer that a returned variable holds a session, from the annotation of the function."""
    yielded = [item.value for item in function.yielded]
    if name not in map(last_name, (*yielded, *function.returned)):
        return None
    value = _declared(project, function)
    return value if value and value.is_session else None


def evaluate_call(
    project: "Project", callee: Value | None, call: ast.Call, scope: Scope
) -> Value | None:
    match callee:
        case Value(kind="class", name="sessionmaker" | sa.FACTORY):
            for node in (*call.args, *(keyword.value for keyword in call.keywords)):
                value = project.value(node, scope)
                if value and value.name == sa.SESSION:
                    return Value("instance", sa.FACTORY, inner=value.inner)
            return callee._replace(kind="instance")
        case Value(kind="class"):
            return callee._replace(kind="instance")
        case Value(kind="function"):
            return project.result(callee)
        case Value(kind="call"):
            return callee.inner
        case Value(kind="method", name="enter_async_context") if call.args:
            return Value("await", inner=project.unwrap("enter", project.value(call.args[0], scope)))
        case Value(kind="method", inner=Value(name=owner)):
            is_coroutine = callee.name in sa.COROUTINES.get(owner, ())
            default = Value("await", "coroutine") if is_coroutine else None
            return METHODS.get((owner, callee.name), default)
        case Value(kind="instance", name=sa.FACTORY | sa.SCOPED, module=""):
            return Value("instance", sa.SESSION, inner=callee.inner)
        case Value(kind="instance", name=sa.DECLARED, module=""):
            return callee
        case Value(kind="external", name=name):
            return _call_external(project, name, call, scope)
    return None


def _call_external(project: "Project", name: str, call: ast.Call, scope: Scope) -> Value | None:
    last = name.rpartition(".")[2]
    nodes = [*call.args, *(keyword.value for keyword in call.keywords)]
    if name.startswith(sa.LIBRARIES) and last in sa.FUNCTIONS:
        return Value("instance", sa.FUNCTIONS[last])
    if last == "run_coroutine_threadsafe":
        return Value("instance", "blocking")  # the future of another thread
    match last, nodes:
        case _, [first, *_] if last in sa.PASSING:
            return project.value(first, scope)
        case "TypeVar" | "NewType", [_, annotation, *_]:
            return project.value(annotation, scope)
        case "cast", [annotation, _]:
            return project.instance_of(annotation, scope)
        case "AppKey", [_, annotation]:  # of aiohttp
            return Value("key", inner=project.instance_of(annotation, scope))
        case "anext", [first, *_]:
            return Value("await", inner=project.unwrap("item", project.value(first, scope)))
        case "next", [first, *_]:
            return project.unwrap("item", project.value(first, scope))
        case "partial", [function, *_]:
            callee = project.callee(function, scope)
            return callee and Value("call", parts=(callee,))
        case "Depends" | "Security", [function, *_]:
            result = _result_of(project, function, scope)
            while result and result.kind in ("item", "await", "enter"):
                result = result.inner
            return result
        case "asynccontextmanager" | "contextmanager", [function]:
            result = _result_of(project, function, scope)
            return result and Value("call", inner=result._replace(kind="enter"))
    return None


def _result_of(project: "Project", function: ast.expr, scope: Scope) -> Value | None:
    callee = project.callee(function, scope)
    return evaluate_call(project, callee, ast.Call(function, [], []), scope)


def evaluate_annotation(project: "Project", annotation: ast.AST, scope: Scope) -> Value | None:
    match annotation:
        case ast.Constant(value=str(text)):
            try:
                return project.instance_of(ast.parse(text, mode="eval").body, scope)
            except SyntaxError:
                return None
        case ast.BinOp(left=left, op=ast.BitOr(), right=right):
            return union([project.instance_of(left, scope), project.instance_of(right, scope)])
    value = project.value(annotation, scope)
    if value and value.kind == "class":
        return value._replace(kind="instance")
    return value if value and value.kind not in ("external", "function") else None


def _generic(project: "Project", node: ast.Subscript, scope: Scope) -> Value | None:
    origin = project.value(node.value, scope)
    name = (origin.name if origin else last_name(node.value)).rpartition(".")[2]
    parts = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
    if name in ("tuple", "Tuple"):
        items = tuple(project.instance_of(part, scope) for part in parts)
        return Value("item", inner=union([*items]), parts=items) if any(items) else None
    if name == "Union":
        return union([project.instance_of(part, scope) for part in parts])
    inner = project.instance_of(parts[-1 if name in sa.LAST_PART else 0], scope) if parts else None
    if name == "Annotated" and inner is None and len(parts) > 1:
        return project.value(parts[1], scope)
    if inner is None or name in sa.TRANSPARENT:
        return inner
    kind = next((kind for kind, names in sa.GENERIC.items() if name in names), "")
    return Value(kind, inner=inner) if kind else None


def _evaluate_subscript(project: "Project", node: ast.Subscript, scope: Scope) -> Value | None:
    key = project.value(node.slice, scope)
    if key and key.kind == "key":
        return key.inner
    match project.value(node.value, scope), node.slice:
        case Value(kind="class") as origin, _:
            return origin
        case Value(kind="item", inner=inner), _:
            return inner
        case Value(kind="instance") as origin, ast.Constant(value=str(name)):  # of a TypedDict
            return project.attribute(origin, name)
    return project.stored(node, scope) or _generic(project, node, scope)
