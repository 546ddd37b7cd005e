"""Builds summaries of modules, which contain what other modules need to know, without a syntax
tree.
"""

import ast
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any, TypeVar, cast

from orm_async_tests.lint import sqlalchemy_types as sa
from orm_async_tests.lint.terms import Function, Scope, Term, parameters

Node = TypeVar("Node", bound=ast.AST)
SKIPPED = (ast.Name, ast.Constant, ast.expr_context, ast.operator, ast.unaryop, ast.cmpop)
KEPT = {ast.Call, ast.Attribute, ast.Expr, ast.Assign, ast.AnnAssign, ast.Try, ast.TryStar, ast.For,
        ast.AsyncFor, ast.AsyncWith, ast.AsyncFunctionDef, ast.Yield}  # fmt: skip
BLOCKING_NAMES = {"sleep", "urlopen", "system", "run", "call", "check_call", "check_output", "get",
                  "post", "put", "patch", "delete", "head", "request"}  # fmt: skip
TypeAlias: Any = getattr(ast, "TypeAlias", ast.Pass)  # Python 3.12


@dataclass
class FunctionSummary:
    """The summary of a function or a method."""

    parameters: tuple[str, ...]
    is_async: bool
    is_generator: bool
    decorators: tuple[Term, ...]
    annotation: Term | None
    returned: tuple[Term, ...]
    """The terms that it returns or, if it is a generator, yields."""

    cls: str
    """The class of a method, or ""."""

    raises: bool
    """Whether it ends only by raising an exception."""

    operations: frozenset[tuple[str, str]] = frozenset()
    """The methods that it calls on its parameters: ("session", "commit"), ("self.db", "get")."""

    gathering: tuple[Term, ...] = ()
    """The functions to which it passes all its positional arguments, for example gather()."""

    waiting: tuple[Term, ...] = ()
    """The functions that it calls and that may block a thread, if it is not asynchronous."""

    managers: tuple[Term, ...] = ()
    """What it enters with `async with`."""

    calls: tuple[tuple[Term, str, tuple[tuple[int | str, str], ...], bool], ...] = ()
    """Calls that get a parameter: the callee, its receiver's path, arguments with paths, and
    whether the caller rolls back if the call fails."""


@dataclass
class ClassSummary:
    """The summary of a class. The summary of a class has its bases, and the terms of its
    attributes, including those that methods assign.
    """

    bases: tuple[Term, ...]
    attributes: dict[str, list[Term]] = field(default_factory=dict)
    decorators: tuple[Term, ...] = ()


@dataclass
class ModuleSummary:
    """A module. `names` maps the global names of the module to terms and imports."""

    path: str
    names: dict[str, list[Term]] = field(default_factory=dict)
    stars: list[tuple[str, int]] = field(default_factory=list)
    functions: dict[str, FunctionSummary] = field(default_factory=dict)
    classes: dict[str, ClassSummary] = field(default_factory=dict)


class Index:
    """The result of one walk over a syntax tree: the nodes of each class, and the scope of every
    function.
    """

    def __init__(self, tree: ast.Module) -> None:
        self.module = Scope(tree, "", None)
        self.scopes: dict[ast.AST, Scope] = {tree: self.module}
        self.stars: list[tuple[str, int]] = []
        self.nodes: dict[type[ast.AST], list[tuple[ast.AST, Scope]]] = defaultdict(list)
        self.parents: dict[ast.AST, ast.AST] = {}
        self.protecting: dict[ast.AST, bool] = {}
        """Whether a block rolls back after an error."""

        self.attributes: list[tuple[str, str, str, ast.expr, Scope]] = []
        self.annotated: list[tuple[str, str, ast.expr, Scope]] = []
        self._walk(tree)

    def of(self, kind: type[Node]) -> list[tuple[Node, Scope]]:
        """Return the nodes of a class, each with its scope, in the order of the source."""
        return cast("list[tuple[Node, Scope]]", self.nodes[kind])

    def _walk(self, tree: ast.Module) -> None:
        stack: list[tuple[ast.AST, Scope]] = [(tree, self.module)]
        nodes, parents = self.nodes, self.parents
        while stack:
            node, scope = stack.pop()
            kind = type(node)
            if kind in KEPT:
                nodes[kind].append((node, scope))
            visit = VISITORS.get(kind)
            inner = (visit(self, node, scope) if visit else None) or scope
            for name in reversed(kind._fields):
                value = getattr(node, name, None)
                if isinstance(value, list):
                    place = inner if name == "body" else scope
                    for child in reversed(value):
                        if isinstance(child, ast.AST) and not isinstance(child, SKIPPED):
                            parents[child] = node
                            stack.append((child, place))
                elif isinstance(value, ast.AST) and not isinstance(value, SKIPPED):
                    parents[value] = node
                    stack.append((value, inner if name == "args" else scope))

    def _class(self, node: ast.ClassDef, scope: Scope) -> Scope:
        scope.bind(node.name, "class", qualify(scope, node.name))
        return self._open(node, scope)

    def _function(self, node: Function, scope: Scope) -> Scope:
        scope.bind(node.name, "function", qualify(scope, node.name))
        inner = self._open(node, scope)
        in_class = isinstance(scope.node, ast.ClassDef)
        kinds = {name for item in node.decorator_list if (name := getattr(item, "id", ""))}
        for number, (name, annotation, default) in enumerate(parameters(node)):
            if number == 0 and in_class and "staticmethod" not in kinds:
                inner.bind(name, "cls" if "classmethod" in kinds else "self", scope.name)
            else:
                inner.bind(name, "param", (name, annotation, default))
        return inner

    def _open(self, node: Function | ast.ClassDef, scope: Scope) -> Scope:
        inner = self.scopes[node] = Scope(node, qualify(scope, node.name), scope)
        return inner

    def _target(self, target: ast.expr, kind: str, value: ast.expr, scope: Scope) -> None:
        """Record a binding of a name, or an attribute of `self`."""
        match target:
            case ast.Name(id=name):
                scope.bind(name, kind, value)
            case ast.Attribute(value=ast.Name(id=name), attr=attr):
                owner = scope.find(name)
                for role, cls in owner.bindings[name][:1] if owner else []:
                    if role in ("self", "cls"):
                        self.attributes.append((cls, attr, kind, value, scope))
            case ast.Tuple(elts=targets) | ast.List(elts=targets):
                values = value.elts if isinstance(value, ast.Tuple) and kind == "value" else []
                pairs = zip(targets, values) if len(values) == len(targets) else ()  # noqa: B905
                for inner, part in pairs:
                    self._target(inner, kind, part, scope)
                if not values:
                    for inner in targets:
                        self._target(inner, "unknown", value, scope)

    def _assign(self, node: ast.Assign, scope: Scope) -> None:
        for target in node.targets:
            self._target(target, "value", node.value, scope)

    def _ann_assign(self, node: ast.AnnAssign, scope: Scope) -> None:
        self._target(node.target, "of", node.annotation, scope)
        if node.value:
            self._target(node.target, "value", node.value, scope)

    def _named(self, node: ast.NamedExpr, scope: Scope) -> None:
        self._target(node.target, "value", node.value, scope)

    def _alias(self, node: Any, scope: Scope) -> None:
        scope.bind(node.name.id, "value", node.value)

    def _with(self, node: ast.With | ast.AsyncWith, scope: Scope) -> None:
        for item in node.items:
            if item.optional_vars:
                self._target(item.optional_vars, "enter", item.context_expr, scope)

    def _for(self, node: ast.For | ast.AsyncFor | ast.comprehension, scope: Scope) -> None:
        self._target(node.target, "item", node.iter, scope)

    def _import(self, node: ast.Import, scope: Scope) -> None:
        for alias in node.names:
            name = alias.asname or alias.name.partition(".")[0]
            scope.bind(name, "import", (alias.name if alias.asname else name, 0, None))

    def _import_from(self, node: ast.ImportFrom, scope: Scope) -> None:
        for alias in node.names:
            origin = (node.module or "", node.level)
            if alias.name == "*":
                self.stars.append(origin)
            else:
                scope.bind(alias.asname or alias.name, "import", (*origin, alias.name))

    def _global(self, node: ast.Global, scope: Scope) -> None:
        scope.globals.update(node.names)

    def _return(self, node: ast.Return, scope: Scope) -> None:
        if node.value and not isinstance(node.value, ast.Constant):
            scope.returned.append(("value", node.value))

    def _yield(self, node: ast.Yield, scope: Scope) -> None:
        scope.returned.append(("item", node.value or ast.Constant(None)))


VISITORS: dict[type[ast.AST], Any] = {
    ast.ClassDef: Index._class,
    ast.FunctionDef: Index._function,
    ast.AsyncFunctionDef: Index._function,
    ast.Assign: Index._assign,
    ast.AnnAssign: Index._ann_assign,
    ast.NamedExpr: Index._named,
    TypeAlias: Index._alias if TypeAlias is not ast.Pass else None,
    ast.With: Index._with,
    ast.AsyncWith: Index._with,
    ast.For: Index._for,
    ast.AsyncFor: Index._for,
    ast.comprehension: Index._for,
    ast.Import: Index._import,
    ast.ImportFrom: Index._import_from,
    ast.Global: Index._global,
    ast.Return: Index._return,
    ast.Yield: Index._yield,
}


def qualify(scope: Scope, name: str) -> str:
    """Return the qualified name of a class or function inside a scope."""
    return f"{scope.name}.{name}" if scope.name else name


def summarize(path: str, index: Index) -> ModuleSummary:
    """Return the summary of a module."""
    summary = ModuleSummary(path, stars=index.stars)
    for name, bindings in index.module.bindings.items():
        summary.names[name] = [index.module.bound(kind, node) for kind, node in bindings[:4]]
    for node, scope in index.scopes.items():
        if isinstance(node, ast.ClassDef):
            outside = scope.parent or scope
            summary.classes[scope.name] = ClassSummary(
                tuple(outside.term(base) for base in node.bases),
                {
                    name: [scope.bound(kind, value) for kind, value in bindings[:4]]
                    for name, bindings in scope.bindings.items()
                },
                tuple(outside.term(item) for item in node.decorator_list),
            )
        elif isinstance(node, Function):
            summary.functions[scope.name] = _summarize_function(node, scope)
    for cls, attr, kind, value, scope in index.attributes:
        if cls in summary.classes:
            terms = summary.classes[cls].attributes.setdefault(attr, [])
            if len(terms) < 4:
                terms.append(scope.bound(kind, value))
    _add_operations(summary, index)
    return summary


def _summarize_function(node: Function, scope: Scope) -> FunctionSummary:
    outside = scope.parent or scope
    returned = scope.returned
    is_generator = any(kind == "item" for kind, _ in returned)
    wanted = "item" if is_generator else "value"
    return FunctionSummary(
        parameters=tuple(name for name, _, _ in parameters(node)),
        is_async=isinstance(node, ast.AsyncFunctionDef),
        is_generator=is_generator,
        decorators=tuple(outside.term(item) for item in node.decorator_list),
        annotation=outside.annotation(node.returns) if node.returns else None,
        returned=tuple(scope.term(value) for kind, value in returned[:6] if kind == wanted),
        cls=outside.name if isinstance(outside.node, ast.ClassDef) else "",
        raises=isinstance(node.body[-1], ast.Raise) and not returned,
    )


def _add_operations(summary: ModuleSummary, index: Index) -> None:
    """Record what each function does with its parameters."""
    operations: dict[str, set[tuple[str, str]]] = defaultdict(set)
    calls: dict[str, list[Any]] = defaultdict(list)
    for call, scope in index.of(ast.Call):
        function = summary.functions.get(scope.name)
        if function is None:
            continue
        if isinstance(scope.node, Function) and _passes_all(call, scope.node):
            function.gathering += (scope.term(call.func),)
        if isinstance(scope.node, ast.FunctionDef) and _is_imported(call.func, index):
            function.waiting += (scope.term(call.func),)
        receiver = ""
        if isinstance(call.func, ast.Attribute):
            receiver = _rooted(scope.path(call.func.value), function, scope)
            if receiver:
                operations[scope.name].add((receiver, call.func.attr))
                if call.func.attr in sa.STATEMENTS and not _is_protected(call, index):
                    operations[scope.name].add((receiver, sa.UNPROTECTED))
        passed: list[tuple[int | str, str]] = [
            (number, path)
            for number, argument in enumerate(call.args)
            if (path := _rooted(scope.path(argument), function, scope))
        ]
        passed += [
            (keyword.arg, path)
            for keyword in call.keywords
            if keyword.arg and (path := _rooted(scope.path(keyword.value), function, scope))
        ]
        if passed or receiver or _is_of_new_object(call, scope):
            protected = _is_protected(call, index)
            calls[scope.name].append((scope.term(call.func), receiver, tuple(passed), protected))
    for manager, scope in index.of(ast.AsyncWith):
        function = summary.functions.get(scope.name)
        if function:
            function.managers += tuple(scope.term(item.context_expr) for item in manager.items)
    for name, function in summary.functions.items():
        function.operations = frozenset(operations[name])
        function.calls = tuple(calls[name])


def _is_imported(node: ast.expr, index: Index) -> bool:
    """Return whether a function is imported and has the name of a function that may block."""
    if getattr(node, "attr", getattr(node, "id", "")) not in BLOCKING_NAMES:
        return False
    root = node.value if isinstance(node, ast.Attribute) else node
    bindings = index.module.bindings.get(getattr(root, "id", ""), ())
    return any(kind == "import" for kind, _ in bindings)


def _rooted(path: str | None, function: FunctionSummary, scope: Scope) -> str:
    """Return the path if the path begins at a parameter or at a variable of an outer function, and
    otherwise "".
    """
    root = path.partition(".")[0] if path else ""
    if path is None or root in function.parameters:
        return path or ""
    owner = scope.find(root)
    is_outer = owner is not None and owner is not scope and not owner.is_module
    return path if is_outer else ""


def _passes_all(call: ast.Call, function: Function) -> bool:
    """Return whether a call gets `*tasks`, where `tasks` is a parameter of the function."""
    for argument in call.args:
        if isinstance(argument, ast.Starred) and isinstance(argument.value, ast.Name):
            names = {name for name, _, _ in parameters(function)}
            names |= {function.args.vararg.arg} if function.args.vararg else set()
            return argument.value.id in names
    return False


def _is_protected(node: ast.AST, index: Index) -> bool:
    """Return whether a block around a call rolls the session back if the call fails."""
    known = index.protecting
    while not isinstance(
        node := index.parents.get(node, index.module.node), (Function, ast.Module)
    ):
        if isinstance(node, (ast.Try, ast.With, ast.AsyncWith)):
            if node not in known:
                known[node] = _rolls_back(node)
            if known[node]:
                return True
    return False


def _rolls_back(node: ast.Try | ast.With | ast.AsyncWith) -> bool:
    """Return whether a block has an exception handler or a context manager that rolls back."""
    parts: list[ast.AST] = (
        [*node.handlers, *node.finalbody]
        if isinstance(node, ast.Try)
        else [item.context_expr for item in node.items]
    )
    names = {
        getattr(part.func, "attr", getattr(part.func, "id", ""))
        for root in parts
        for part in ast.walk(root)
        if isinstance(part, ast.Call)
    }
    return bool(names & {"begin", "begin_nested"}) or "rollback" in " ".join(names)


def _is_of_new_object(call: ast.Call, scope: Scope) -> bool:
    """Return whether a method is called on an object that the function itself has created."""
    match call.func:
        case ast.Attribute(value=ast.Name(id=name)):
            kinds = scope.bindings.get(name, ())
            return any(kind == "value" and isinstance(node, ast.Call) for kind, node in kinds)
        case ast.Attribute(value=ast.Call()):
            return True
    return False
