"""A file that the rules check, with its syntax tree, its names and its use of sessions."""

import ast
from collections.abc import Iterator
from functools import cached_property
from typing import TypeVar

from orm_async_tests.lint.finding import Finding, Fix, Location, locate
from orm_async_tests.lint.module_summary import Index
from orm_async_tests.lint.project_facts import ProjectFacts
from orm_async_tests.lint.resolution import Project
from orm_async_tests.lint.session_flow import SessionFlow
from orm_async_tests.lint.session_use import SessionUse
from orm_async_tests.lint.source_text import split_lines
from orm_async_tests.lint.terms import Scope
from orm_async_tests.lint.value import Value

Node = TypeVar("Node", bound=ast.AST)
GUARDS = {"begin", "suppress", "move_on_after"}  # with `try`, what makes a flow worth following
Dependency = tuple[str, str, bool]  # a function's module and name, and whether its scope is short


class SourceFile:
    """A parsed file. All rules share the result of one walk over the syntax tree."""

    def __init__(
        self,
        name: str,
        path: str,
        text: str,
        index: Index,
        project: Project,
        facts: ProjectFacts,
    ) -> None:
        self.name = name
        """The path as findings show it."""

        self.path = path
        """The absolute path."""

        self.text = text
        self.lines = split_lines(text)
        self.index = index
        self.project = project
        self.facts = facts
        self.use = SessionUse(project, path, index.parents)
        self.pending: list[tuple[str, Finding]] = []
        """Findings that count only if the function that is named is a dependency."""

        self._flows: dict[ast.AST, SessionFlow | None] = {}

    def release(self) -> None:
        """Break reference cycles, because the garbage collector is turned off."""
        self._flows.clear()
        self.__dict__.pop("flows", None)

    def nodes(self, kind: type[Node]) -> list[tuple[Node, Scope]]:
        """Return the nodes of a class, each with the scope that contains it."""
        return self.index.of(kind)

    def value(self, node: ast.AST, scope: Scope) -> Value | None:
        """Return the value of an expression, for example an instance of AsyncSession."""
        return self.use.value(node, scope)

    def external_name(self, node: ast.AST, scope: Scope) -> str:
        """Return the full name of a function that belongs to another library, and otherwise ""."""
        value = self.value(node, scope)
        return value.name if value and value.kind == "external" else ""

    @property
    def parents(self) -> dict[ast.AST, ast.AST]:
        """The parent of every syntax node, except of names and constants."""
        return self.index.parents

    def ancestors(self, node: ast.AST) -> Iterator[ast.AST]:
        """Yield the nodes that contain a node, innermost first, up to its function or class."""
        while (node := self.parents.get(node, node)) and not isinstance(
            node, (ast.Module, ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)
        ):
            yield node

    @cached_property
    def flows(self) -> list[SessionFlow]:
        """The control flow of the asynchronous functions in which an error can be swallowed."""
        scopes: dict[Scope, None] = {}
        for kind in (ast.Try, ast.TryStar):
            scopes.update(dict.fromkeys(scope for _, scope in self.nodes(kind)))
        for call, scope in self.nodes(ast.Call):
            name = getattr(call.func, "attr", getattr(call.func, "id", ""))
            if name in GUARDS:
                scopes[scope] = None
        guarded = {scope.name.rpartition(".")[2] for scope in scopes if scope.name}
        for call, scope in self.nodes(ast.Call):
            if getattr(call.func, "attr", getattr(call.func, "id", "")) in guarded:
                scopes[scope] = None
        flows = [self._flow(scope) for scope in scopes]
        return [flow for flow in flows if flow]

    def _flow(self, scope: Scope) -> SessionFlow | None:
        node = scope.node
        if not isinstance(node, ast.AsyncFunctionDef):
            return None
        if node not in self._flows:
            self._flows[node] = None  # a function that calls itself
            self._flows[node] = SessionFlow(self.use, scope, self._flow_of)
        return self._flows[node]

    def _flow_of(self, function: Value | None) -> SessionFlow | None:
        """Return the control flow of a function of this file that handles errors."""
        if function is None or function.module != self.path:
            return None
        scope = self._scopes.get(function.name)
        node = scope.node if scope else None
        return self._flow(scope) if scope and node and (_has_guard(node) or self._begins) else None

    @cached_property
    def _begins(self) -> bool:
        """Return whether a function of this file may call begin() after a statement."""
        return ".begin()" in self.text

    @cached_property
    def _scopes(self) -> dict[str, Scope]:
        return {scope.name: scope for scope in self.index.scopes.values()}

    def scope_of(self, function: Value) -> Scope | None:
        """Return the scope that a function of this file creates."""
        return self._scopes.get(function.name) if function.module == self.path else None

    def locate(self, node: ast.AST) -> Location:
        """Return the location of a node in this file."""
        return locate(self.name, node, self.lines)

    def report(
        self,
        code: str,
        node: ast.AST,
        message: str,
        remedy: str,
        *,
        related: ast.AST | None = None,
        related_message: str = "",
        fix: Fix | None = None,
    ) -> Finding:
        """Return a finding at a node. The argument `related` is a second node that explains the
        finding.
        """
        second = self.locate(related) if related else None
        return Finding(code, self.locate(node), message, remedy, second, related_message, fix)


def _has_guard(node: ast.AST) -> bool:
    return any(
        isinstance(item, ast.Try)
        or (isinstance(item, ast.Name) and item.id in GUARDS)
        or (isinstance(item, ast.Attribute) and item.attr in GUARDS)
        for item in ast.walk(node)
    )
