"""Finds the scopes of a module and the bindings of their names."""

import ast
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterator
from functools import cached_property
from typing import Any, NamedTuple

Function = ast.FunctionDef | ast.AsyncFunctionDef
SKIPPED = {ast.Name, ast.Constant, str, bool, type(None)}
TESTING = {ast.If, ast.Match, ast.While, ast.Assert}
KEPT = {ast.Assign, ast.AnnAssign, ast.AugAssign, ast.Compare}
NOTED = {
    ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.Assign, ast.AnnAssign,
    ast.NamedExpr, ast.With, ast.AsyncWith, ast.For, ast.AsyncFor, ast.comprehension,
    ast.Import, ast.ImportFrom, ast.Global, ast.Return, ast.Yield, ast.Await,
    getattr(ast, "TypeAlias", ast.Import),
}  # fmt: skip
GATHERING = {"gather", "wait", "as_completed"}
STARTING = {"create_task", "ensure_future", "start_soon", "run_coroutine_threadsafe", "Task"}
CONCURRENT = GATHERING | STARTING
RECEIVERS = ("self", "cls")
INNER = ("body", "args")  # the fields of a function whose nodes are in its own scope
LEAVES = {  # the fields that contain no expressions and no statements
    "name", "id", "attr", "arg", "asname", "ctx", "op", "ops", "level", "module", "kind", "names",
    "type_comment", "type_ignores", "type_params", "is_async", "conversion", "simple", "rest",
}  # fmt: skip
FIELDS = {
    kind: [(name, name in INNER) for name in reversed(kind._fields) if name not in LEAVES]
    for kind in vars(ast).values()
    if isinstance(kind, type) and issubclass(kind, ast.AST)
}


# A binding says how a name gets its value from a syntax node:
#   value      the node's value
#   of         an instance of an annotation
#   enter      the value of `with ... as`
#   item       the value of a `for` loop
#   part       one of several targets: the node is a pair of the value and the target's position
#   param      a parameter: the node is its `ast.arg`
#   self, cls  the first parameter of a method: the node is the scope of the class
#   class, function      the node is the scope of a class or function
#   import     the node is a module, a level, and a name inside the module or None
class Binding(NamedTuple):
    """A binding says how a name gets its value."""

    kind: str
    node: Any
    scope: "Scope"
    """The scope in which Python evaluates `node`."""


class Scope:
    """A module, class or function, with the names that it binds."""

    def __init__(self, node: Any, name: str, parent: "Scope | None", module: "Module") -> None:
        self.node = node
        self.name = name
        """The qualified name of a class or function, or "" for a module."""

        self.parent = parent
        self.is_module = parent is None
        self.is_async = isinstance(node, ast.AsyncFunctionDef)
        self.module = module
        self.bindings: dict[str, list[Binding]] = {}
        """The bindings by name. For a class, they include attributes that its methods assign."""

        self.values: dict[str, Any] = {}
        """The known values of names."""

        self.calls: list[ast.Call] = []
        self.managers: list[ast.With | ast.AsyncWith] = []
        self.returned: list[ast.expr] = []
        self.yielded: list[ast.Yield] = []
        self.awaited: set[str] = set()
        """The parameters that a function awaits."""

        self.starts: list[ast.Call] = []
        """The calls that may start tasks."""

        self.tests: list[ast.If | ast.Match | ast.While | ast.Assert] = []

        self.parameters: list[str] = []
        """The names of the parameters, except `*args` and `**options`."""

        self.defaults: dict[str, ast.expr] = {}
        self.globals: set[str] = set()
        self._open: set[str] = set()

    @property
    def cls(self) -> "Scope | None":
        is_method = self.parent and isinstance(self.parent.node, ast.ClassDef)
        return self.parent if is_method else None

    @property
    def decorators(self) -> set[str]:
        return {last_name(item) for item in getattr(self.node, "decorator_list", ())}

    def calls_in(self, node: Any) -> list[ast.Call]:
        """Return this scope's calls inside a syntax node, sorted by their end positions."""
        start, (calls, ends) = start_of(node), self._sorted_calls
        first, last = bisect_left(ends, start), bisect_right(ends, end_of(node))
        return [call for call in calls[first:last] if (call.lineno, call.col_offset) >= start]

    @cached_property
    def _sorted_calls(self) -> tuple[list[ast.Call], list[tuple[int, int]]]:
        calls = sorted(self.calls, key=end_of)
        return calls, [*map(end_of, calls)]

    def bind(self, name: str, kind: str, node: Any) -> None:
        scope = self.module.scope if name in self.globals else self
        scope.bindings.setdefault(name, []).append(Binding(kind, node, self))

    def find(self, name: str) -> "Scope | None":
        """Return the scope that binds a name, or None for a builtin."""
        scope: Scope | None = self
        while scope:
            if name in scope.bindings and (scope is self or type(scope.node) is not ast.ClassDef):
                return scope
            scope = scope.parent
        return None

    def binding(self, name: str) -> Binding | None:
        owner = self.find(name)
        bindings = [item for item in owner.bindings[name] if item.kind != "of"] if owner else []
        return bindings[0] if len(bindings) == 1 else None

    def role(self, name: str) -> str:
        owner = self.find(name)
        return owner.bindings[name][0].kind if owner else ""

    def path(self, node: ast.AST) -> str:
        """Return the dotted path of an expression, for example "self.session", or "".

        After `session = self.session`, the path of the variable `session` is "self.session".
        """
        match node:
            case ast.Name(id=name):
                match self.binding(name):
                    case ("value", ast.Name() | ast.Attribute() as value, scope) if (
                        not scope.is_module and name not in self._open
                    ):
                        self._open.add(name)
                        path = scope.path(value)
                        self._open.discard(name)
                        return path
                return name
            case ast.Attribute(value=value, attr=attr):
                base = self.path(value)
                return base and f"{base}.{attr}"
            case ast.Subscript(value=value, slice=ast.Constant(value=key)):
                base = self.path(value)
                return base and f"{base}[{key!r}]"
        return ""


class Module:
    """A module, with its scopes and its syntax nodes."""

    def __init__(self, path: str, tree: ast.Module) -> None:
        self.path = path
        self.stars: list[tuple[str, int]] = []
        self.scope = Scope(tree, "", None, self)
        self.scopes: dict[str, Scope] = {}
        """The scopes of classes and functions, by qualified name."""

        self.all_scopes = [self.scope]
        """All scopes, including functions that a later function of the same name replaces."""

        self.nodes: dict[type[ast.AST], list[tuple[Any, Scope]]] = defaultdict(list)
        self.calls: dict[str, list[tuple[ast.Call, Scope]]] = defaultdict(list)
        """The calls by the last name of the function, for example "commit"."""

        self.parents: dict[ast.AST, ast.AST] = {}
        self.stored: dict[str, list[Binding]] = defaultdict(list)
        """Bindings of attributes and items, by the end of a path, for example "state.session"."""

        self.events: dict[ast.Call, list[Any]] = {}
        """The uses of sessions, by call."""

        self.flows: dict[Any, Any] = {}
        self.values: dict[Any, Any] = {}
        """Cached results of other parts of the checker."""

        self._walk(tree)

    def release(self) -> None:
        """Break the reference cycles of an unused module, because the garbage collector is off."""
        for scope in self.all_scopes:
            scope.bindings.clear()
        self.all_scopes.clear()
        for known in vars(self).values():
            if isinstance(known, dict):
                known.clear()
        del self.scope

    def ancestors(self, node: ast.AST) -> Iterator[ast.AST]:
        """Yield the syntax nodes around a node inside its function or class, the closest first."""
        ends = (ast.Module, ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)
        around = self.parents.get(node)
        while around is not None and not isinstance(around, ends):
            yield around
            around = self.parents.get(around)

    def _walk(self, tree: ast.Module) -> None:
        stack: list[tuple[Any, Scope]] = [(tree, self.scope)]
        nodes, parents = self.nodes, self.parents
        while stack:
            node, scope = stack.pop()
            kind = type(node)
            inner = scope
            if kind is ast.Call:
                scope.calls.append(node)
                name = last_name(node.func)
                self.calls[name].append((node, scope))
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
        return inner

    def _open(self, kind: str, name: str, node: Any, scope: Scope) -> Scope:
        inner = Scope(node, f"{scope.name}.{name}" if scope.name else name, scope, self)
        self.all_scopes.append(inner)
        if not inner.decorators & {"setter", "deleter"}:  # otherwise they hide the property
            self.scopes[inner.name] = inner
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
                    self.stored[tail].append(Binding(kind, value, scope))
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
                self.stars.append((node.module or "", node.level))
            else:
                scope.bind(new or name, "import", (node.module or "", node.level, name))


def last_name(node: ast.AST | None) -> str:
    """Return the last name of an expression, for example "NotFound" for errors.NotFound(...)."""
    if isinstance(node, ast.Attribute):
        return node.attr
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Call):
        return last_name(node.func)
    return last_name(node.value) if isinstance(node, ast.Subscript) else ""


def awaited_name(node: Any) -> str:
    """Return the name `f` for `await f`, `await f()` or `wait_for(f())`, or else ""."""
    is_wait = last_name(node) in ("wait_for", "shield")
    inner: Any = node.args[0] if is_wait and node.args else getattr(node, "value", None)
    is_plain = isinstance(inner, ast.Call) and not (inner.args or inner.keywords)
    return getattr(inner.func if is_plain else inner, "id", "")


def start_of(node: Any) -> tuple[int, int]:
    return node.lineno, node.col_offset


def end_of(node: Any) -> tuple[int, int]:
    return node.end_lineno, node.end_col_offset


def tail_of(path: str) -> str:
    """Return the last two parts of a dotted path, or "" if the path has only one part."""
    parts = path.replace("[", ".[").split(".")
    return ".".join(parts[-2:]) if len(parts) > 1 else ""


def walk(node: ast.AST) -> Iterator[ast.AST]:
    """Yield a syntax node and all nodes below it in the order of the code."""
    stack: list[Any] = [node]
    while stack:
        node = stack.pop()
        yield node
        for name, _ in FIELDS[type(node)]:
            value = getattr(node, name, None)
            for child in reversed(value) if type(value) is list else (value,):
                if isinstance(child, ast.AST):
                    stack.append(child)


def names_in(node: ast.AST | None) -> Iterator[str]:
    return (item.id for item in (walk(node) if node else ()) if isinstance(item, ast.Name))


def later(node: ast.expr, func: ast.expr, args: list[Any], keywords: list[Any]) -> ast.Call:
    return ast.copy_location(ast.Call(func, args, keywords), node)


def creation(node: ast.AST, scope: Scope) -> ast.Call | None:
    """Return the call that created the value of a name, for example `AsyncSession(engine)`."""
    if isinstance(node, ast.Name):
        binding = scope.binding(node.id)
        node = binding.node if binding and isinstance(binding.node, ast.AST) else node
        if binding and binding.kind == "item" and isinstance(node, ast.Name):
            binding = scope.binding(node.id)
            node = getattr(binding.node, "elt", node) if binding else node
    if isinstance(node, ast.Await):
        node = node.value
    return node if isinstance(node, ast.Call) else None
