"""Reads the scopes, bindings and calls of a module in one walk over its syntax tree."""

import ast
from typing import Any

from orm_async_tests.lint.scopes import (
    CONCURRENT,
    FIELDS,
    Binding,
    Module,
    Scope,
    awaited_name,
    last_name,
    tail_of,
)

SKIPPED = {ast.Name, ast.Constant, str, bool, type(None)}
TESTING = {ast.If, ast.Match, ast.While, ast.Assert}
KEPT = {ast.Assign, ast.AnnAssign, ast.AugAssign, ast.Compare}
NOTED = {
    ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.Assign, ast.AnnAssign,
    ast.NamedExpr, ast.With, ast.AsyncWith, ast.For, ast.AsyncFor, ast.comprehension,
    ast.Import, ast.ImportFrom, ast.Global, ast.Return, ast.Yield, ast.Await,
    getattr(ast, "TypeAlias", ast.Import),
}  # fmt: skip
RECEIVERS = ("self", "cls")


def read_module(path: str, tree: ast.Module) -> Module:
    module = Module(path, tree)
    ModuleReader(module).read(tree)
    return module


class ModuleReader:
    """Fills a module with what its syntax tree contains."""

    def __init__(self, module: Module) -> None:
        self.module = module

    def read(self, tree: ast.Module) -> None:
        stack: list[tuple[Any, Scope]] = [(tree, self.module.scope)]
        nodes, parents, calls = self.module.nodes, self.module.parents, self.module.calls
        while stack:
            node, scope = stack.pop()
            kind = type(node)
            inner = scope
            if kind is ast.Call:
                scope.calls.append(node)
                name = last_name(node.func)
                calls[name].append((node, scope))
                if name in CONCURRENT and node.args:
                    scope.starts.append(node)
                elif name in ("wait_for", "shield"):
                    scope.awaited |= {awaited_name(node)} & scope.bindings.keys()
            elif kind in NOTED:
                inner = self._bind(node, scope) or scope
            elif kind in TESTING:
                scope.tests.append(node)
            if kind in KEPT:
                nodes[kind].append((node, scope))
            for name, is_inner in FIELDS[kind]:
                value = getattr(node, name)
                place = inner if is_inner else scope
                for child in reversed(value) if type(value) is list else (value,):
                    child_kind = type(child)
                    if child_kind not in SKIPPED:
                        parents[child] = node
                        if child_kind is not ast.Attribute or type(child.value) is not ast.Name:
                            stack.append((child, place))

    def _function(self, node: Any, scope: Scope) -> Scope:
        is_lambda = isinstance(node, ast.Lambda)
        name = f"lambda {node.lineno} {node.col_offset}" if is_lambda else node.name
        inner = self._open("function", name, node, scope)
        positional = [*node.args.posonlyargs, *node.args.args]
        for parameter in (*positional, *node.args.kwonlyargs):
            inner.bind(parameter.arg, "param", parameter)
            inner.parameters.append(parameter.arg)
        pairs = [*zip(reversed(positional), reversed(node.args.defaults), strict=False),
                 *zip(node.args.kwonlyargs, node.args.kw_defaults, strict=True)]  # fmt: skip
        inner.defaults.update((parameter.arg, value) for parameter, value in pairs if value)
        for rest in filter(None, (node.args.vararg, node.args.kwarg)):
            inner.bind(rest.arg, "rest", rest)
        if is_lambda:
            inner.returned.append(node.body)
        elif inner.cls and inner.parameters and "staticmethod" not in (names := inner.decorators):
            kind = "cls" if "classmethod" in names or name == "__new__" else "self"
            inner.bindings[inner.parameters[0]] = [Binding(kind, inner.cls, inner)]
            if kind == "self" and positional and positional[0].annotation:
                inner.cls.self_types.append(positional[0].annotation)
        return inner

    def _open(self, kind: str, name: str, node: Any, scope: Scope) -> Scope:
        inner = Scope(node, f"{scope.name}.{name}" if scope.name else name, scope, self.module)
        self.module.all_scopes.append(inner)
        if not inner.decorators & {"setter", "deleter"}:  # otherwise they hide the property
            self.module.scopes[inner.name] = inner
            scope.bind(name, kind, inner)
        return inner

    def _target(self, target: ast.expr | None, kind: str, value: Any, scope: Scope) -> None:
        match target:
            case ast.Name(id=name):
                scope.bind(name, kind, value)
            case ast.Attribute(value=ast.Name(id=name), attr=attr) if scope.role(name) in RECEIVERS:
                owner = scope.find(name)
                cls = owner.bindings[name][0].node if owner else scope
                cls.bindings.setdefault(attr, []).append(Binding(kind, value, scope))
            case ast.Attribute() | ast.Subscript():
                if tail := tail_of(scope.path(target)):
                    self.module.stored[tail].append(Binding(kind, value, scope))
            case ast.Tuple(elts=targets) | ast.List(elts=targets):
                values = value.elts if isinstance(value, ast.Tuple) and kind == "value" else []
                for number, inner in enumerate(targets):
                    if len(values) == len(targets):
                        self._target(inner, kind, values[number], scope)
                    else:
                        self._target(inner, f"part of {kind}", (value, number), scope)

    def _bind(self, node: Any, scope: Scope) -> Scope | None:
        match node:
            case ast.ClassDef():
                return self._open("class", node.name, node, scope)
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.Lambda():
                return self._function(node, scope)
            case ast.Assign(targets=targets, value=value):
                for target in targets:
                    self._target(target, "value", value, scope)
            case ast.AnnAssign(target=target, annotation=annotation, value=value):
                self._target(target, "of", annotation, scope)
                if value:
                    self._target(target, "value", value, scope)
            case ast.NamedExpr(target=target, value=value):
                self._target(target, "value", value, scope)
            case ast.With(items=items) | ast.AsyncWith(items=items):
                scope.managers.append(node)
                for item in items:
                    self._target(item.optional_vars, "enter", item.context_expr, scope)
            case ast.For() | ast.AsyncFor() | ast.comprehension():
                self._target(node.target, "item", node.iter, scope)
            case ast.Import() | ast.ImportFrom():
                self._import(node, scope)
            case ast.Global(names=names):
                scope.globals.update(names)
            case _:
                self._note(node, scope)
        return None

    def _note(self, node: Any, scope: Scope) -> None:
        match node:
            case ast.Return(value=value) if value and not isinstance(value, ast.Constant):
                scope.returned.append(value)
            case ast.Yield():
                scope.yielded.append(node)
            case ast.Await() if scope.role(name := awaited_name(node)) == "param":
                scope.awaited.add(name)
            case ast.Return() | ast.Await():
                pass
            case _:  # `type X = ...` of Python 3.12
                scope.bind(node.name.id, "value", node.value)

    def _import(self, node: ast.Import | ast.ImportFrom, scope: Scope) -> None:
        for alias in node.names:
            name, new = alias.name, alias.asname
            if isinstance(node, ast.Import):
                root = name.partition(".")[0]
                scope.bind(new or root, "import", (name if new else root, 0, None))
            elif name == "*":
                self.module.stars.append((node.module or "", node.level))
            else:
                scope.bind(new or name, "import", (node.module or "", node.level, name))
