"""Terms, which are nested tuples that describe an expression as far as the search for its type
needs it.

A term contains no syntax node, so that the summary of a module can be cached. A term names only
names of the module. A local name of a function is replaced by the term that is bound to it.
"""

import ast
from collections.abc import Iterator
from typing import Any

# The forms of a term:
#
#   ("global", name)                 a name of the module, or a builtin
#   ("attr", term, name)             an attribute
#   ("call", term, (term, ...), ((keyword, term), ...))
#   ("sub", term, (term, ...))       a subscription, for example of a generic type
#   ("await" | "enter" | "item" | "of", term)
#   ("or", term, ...)                one of these
#   ("param", name, annotation, default)
#   ("self" | "cls", class)          the first parameter of a method
#   ("function", qualified name)     a nested function
#   ("lambda", term)                 a function that returns the term
#   ("str", text)                    a constant string
#   ("?",)                           anything else
#
# "enter" is the value of `with ... as`, "item" the value of a `for` loop, and "of" an instance of
# an annotation.
Term = tuple[Any, ...]
Function = ast.FunctionDef | ast.AsyncFunctionDef
UNKNOWN: Term = ("?",)
DEEPEST = 8  # a chain of more calls is a query, not a session


class Scope:
    """The names of a module, class or function, with the bindings of each name."""

    def __init__(self, node: ast.AST, name: str, parent: "Scope | None") -> None:
        self.node = node
        self.name = name
        """The qualified name inside the module, or "" for the module."""

        self.parent = parent
        self.bindings: dict[str, list[tuple[str, Any]]] = {}
        self.returned: list[tuple[str, ast.expr]] = []
        """What a function returns ("value") or yields ("item")."""

        self.globals: set[str] = set()
        self._open: set[str] = set()

    @property
    def is_module(self) -> bool:
        """Return whether this is the scope of a module."""
        return self.parent is None

    def bind(self, name: str, kind: str, node: Any) -> None:
        """Record a binding of a name. The kind of a binding says how the value of the name comes
        from the node.
        """
        scope = self
        while name in self.globals and scope.parent:
            scope = scope.parent
        scope.bindings.setdefault(name, []).append((kind, node))

    def find(self, name: str) -> "Scope | None":
        """Return the scope that binds a name used in this scope, or None for a builtin."""
        scope: Scope | None = self
        while scope:
            if name in scope.bindings and (
                scope is self or not isinstance(scope.node, ast.ClassDef)
            ):
                return scope
            scope = scope.parent
        return None

    def path(self, node: ast.AST) -> str | None:
        """Return the dotted path of an expression, for example "self.session", in which local
        aliases are replaced.
        """
        match node:
            case ast.Name(id=name):
                scope = self.find(name)
                bindings = scope.bindings[name] if scope and not scope.is_module else []
                match bindings:
                    case [("value", ast.Name() | ast.Attribute() as value)] if (
                        scope and name not in scope._open
                    ):
                        scope._open.add(name)
                        path = scope.path(value)
                        scope._open.discard(name)
                        return path
                return name
            case ast.Attribute(value=value, attr=attr):
                base = self.path(value)
                return base and f"{base}.{attr}"
            case ast.NamedExpr(target=target):
                return self.path(target)
        return None

    def term(self, node: ast.AST | None, depth: int = 0) -> Term:
        """Return the term of an expression that is evaluated in this scope."""
        if depth > DEEPEST:
            return UNKNOWN
        match node:
            case ast.Name(id=name):
                return self._name(name, depth)
            case ast.Attribute(value=value, attr=attr):
                return ("attr", self.term(value, depth + 1), attr)
            case ast.Call(func=func, args=args, keywords=keywords):
                return (
                    "call",
                    self.term(func, depth + 1),
                    tuple(self.term(arg, depth + 1) for arg in args[:4]),
                    tuple((k.arg, self.term(k.value, depth + 1)) for k in keywords if k.arg),
                )
            case ast.Await(value=value):
                return ("await", self.term(value, depth + 1))
            case ast.Subscript(value=value, slice=index):
                parts = index.elts if isinstance(index, ast.Tuple) else [index]
                return (
                    "sub",
                    self.term(value, depth + 1),
                    tuple(self.term(part, depth + 1) for part in parts),
                )
            case ast.Constant(value=str(text)):
                return ("str", text)
            case ast.IfExp(body=body, orelse=orelse):
                return ("or", self.term(body, depth + 1), self.term(orelse, depth + 1))
            case ast.BoolOp(values=values):
                return ("or", *(self.term(value, depth + 1) for value in values))
            case ast.BinOp(left=left, op=ast.BitOr(), right=right):
                return ("or", self.term(left, depth + 1), self.term(right, depth + 1))
            case ast.NamedExpr(value=value):
                return self.term(value, depth)
            case ast.Lambda(body=body):
                return ("lambda", self.term(body, depth + 1))
        return UNKNOWN

    def annotation(self, node: ast.AST | None, depth: int = 0) -> Term:
        """Return the term of an annotation, which may be a string."""
        match node:
            case ast.Constant(value=str(text)):
                try:
                    return self.term(ast.parse(text, mode="eval").body, depth)
                except SyntaxError:
                    return UNKNOWN
        return self.term(node, depth)

    def _name(self, name: str, depth: int) -> Term:
        """Return the term of a name. If a function binds the name, return the term of its
        bindings.
        """
        scope = self.find(name)
        if scope is None or scope.is_module:
            return ("global", name)
        if name in scope._open:
            return UNKNOWN
        scope._open.add(name)
        try:
            bindings = scope.bindings[name][:4]
            terms = [scope.bound(kind, value, depth + 1) for kind, value in bindings]
        finally:
            scope._open.discard(name)
        return terms[0] if len(terms) == 1 else ("or", *terms)

    def bound(self, kind: str, node: Any, depth: int = 0) -> Term:
        """Return the term of the value that a binding assigns."""
        if kind == "value":
            return self.term(node, depth)
        if kind == "of":
            return ("of", self.annotation(node, depth))
        if kind in ("enter", "item"):
            return (kind, self.term(node, depth))
        if kind == "param":
            name, annotation, default = node
            outside = self.parent or self
            return (
                "param",
                name,
                outside.annotation(annotation, depth) if annotation else None,
                outside.term(default, depth) if default else None,
            )
        term: Term = (kind, node)  # self, cls, function, class, import
        return term


def parameters(function: Function) -> Iterator[tuple[str, ast.expr | None, ast.expr | None]]:
    """Yield the name, the annotation and the default of every parameter of a function."""
    arguments = function.args
    positional = [*arguments.posonlyargs, *arguments.args]
    missing = len(positional) - len(arguments.defaults)
    defaults = [None] * missing + list(arguments.defaults)
    for parameter, default in zip(positional, defaults, strict=True):
        yield parameter.arg, parameter.annotation, default
    for parameter, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True):
        yield parameter.arg, parameter.annotation, default
