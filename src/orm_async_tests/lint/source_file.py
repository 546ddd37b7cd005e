"""Gives the rules access to a parsed source file."""

import ast
from collections import defaultdict
from collections.abc import Iterator
from functools import cached_property
from typing import Any

from orm_async_tests.lint.callers import calls_by_name
from orm_async_tests.lint.finding import Finding, Location, locate
from orm_async_tests.lint.flows import Flows
from orm_async_tests.lint.project_facts import ProjectFacts
from orm_async_tests.lint.scopes import Function, Module, Scope, last_name
from orm_async_tests.lint.session_flow import SessionFlow
from orm_async_tests.lint.source_text import split_lines
from orm_async_tests.lint.value import Value


class SourceFile:
    """A parsed file. All rules share one walk over the file's syntax tree."""

    def __init__(
        self, name: str, text: str, module: Module, flows: Flows, facts: ProjectFacts
    ) -> None:
        self.name = name
        """The path of the file in the form that findings show."""

        self.text = text
        self.module = module
        self._flows = flows
        self.use = flows.use
        self.project = flows.use.project
        self.facts = facts
        self.pending: list[tuple[str, Finding]] = []
        """Findings that apply only if a function is a FastAPI dependency, with the function's name.
        """

        self.open_variables: set[tuple[Scope, str]] = set()
        """The variables that a search for coroutines is following."""

        self._functions: dict[str, Scope | None] = {}

    @cached_property
    def lines(self) -> list[str]:
        return split_lines(self.text)

    def nodes(self, kind: type[ast.AST]) -> list[tuple[Any, Scope]]:
        return self.module.nodes[kind]

    def calls(self, *names: str) -> Iterator[tuple[ast.Call, Scope]]:
        for original in names:
            for name in (original, *self.aliases.get(original, ())):
                yield from calls_by_name(self.module, name)

    @cached_property
    def aliases(self) -> dict[str, list[str]]:
        aliases = {}
        for scope in [self.module.scope, *self.module.scopes.values()]:
            for name, bindings in scope.bindings.items():
                kind, node, _ = bindings[0]
                if kind == "import":
                    aliases[name] = node[2] or ""
                elif kind == "value" and isinstance(node, (ast.Name, ast.Attribute, ast.Call)):
                    aliases[name] = last_name(next(iter(getattr(node, "args", ())), node))
        originals: dict[str, list[str]] = defaultdict(list)
        for name, original in aliases.items():
            if name != original and name in self.module.calls:
                originals[original].append(name)
        return originals

    def function_named(self, name: str) -> Scope | None:
        if name not in self._functions:
            [(call, scope), *_] = self.module.calls[name]
            value = self.project.callee(call.func, scope)
            self._functions[name] = self.project.function(value)
        return self._functions[name]

    def value(self, node: ast.AST, scope: Scope) -> Value | None:
        """Return the value of an expression, for example an instance of AsyncSession."""
        return self.project.value(node, scope)

    def receiver(self, call: ast.Call, scope: Scope) -> Value | None:
        """Return the value of `session` for a method call such as session.commit()."""
        return self.value(call.func.value, scope) if isinstance(call.func, ast.Attribute) else None

    def external_name(self, node: ast.AST, scope: Scope) -> str:
        """Return the full name of a library function, for example "asyncio.gather", or ""."""
        value = self.project.callee(node, scope)
        return value.name if value and value.kind == "external" else ""

    def parent(self, node: ast.AST) -> ast.AST | None:
        """Return the parent of a syntax node, or None if the node is a Name or a Constant."""
        return self.module.parents.get(node)

    def ancestors(self, node: ast.AST) -> Iterator[ast.AST]:
        return self.module.ancestors(node)

    @cached_property
    def flows(self) -> list[SessionFlow]:
        scopes = (scope for scope in self.module.all_scopes if isinstance(scope.node, Function))
        flows = [self._flows.of(scope) for scope in scopes if self.use.events(scope.node, scope)]
        return [flow for flow in flows if flow]

    def locate(self, node: ast.AST) -> Location:
        return locate(self.name, node, self.lines)
