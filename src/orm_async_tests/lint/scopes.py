"""Describes the scopes of a module, the bindings of their names, and syntax nodes."""

import ast
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterator
from functools import cached_property
from typing import Any, NamedTuple

Function = ast.FunctionDef | ast.AsyncFunctionDef
GATHERING = {"gather", "wait", "as_completed"}
STARTING = {"create_task", "ensure_future", "start_soon", "run_coroutine_threadsafe", "Task"}
CONCURRENT = GATHERING | STARTING
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
        """The statements with a condition, which may test the result of a call."""

        self.self_types: list[ast.expr] = []
        """The annotations of `self` in the methods of a class, for example a Protocol."""

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
        """The modules, with their levels, of `from ... import *`."""

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
