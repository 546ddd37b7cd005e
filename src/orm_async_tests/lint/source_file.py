"""A file that the rules read: its syntax tree, and helpers to report a place in it."""

import ast
from collections import defaultdict
from typing import TypeVar, cast

from orm_async_tests.lint.finding import Finding, Fix, Location, locate
from orm_async_tests.lint.source_text import split_lines

Node = TypeVar("Node", bound=ast.AST)


class SourceFile:
    """A parsed file. All rules share one walk over its tree."""

    def __init__(self, path: str, text: str, tree: ast.Module) -> None:
        self.path = path
        self.lines = split_lines(text)
        self.tree = tree
        self._nodes: dict[type[ast.AST], list[ast.AST]] = defaultdict(list)
        for node in ast.walk(tree):
            self._nodes[type(node)].append(node)

    def nodes(self, kind: type[Node]) -> list[Node]:
        """Return the nodes of a class, in the order of the walk."""
        return cast("list[Node]", self._nodes[kind])

    def locate(self, node: ast.AST) -> Location:
        """Return where a node is."""
        return locate(self.path, node, self.lines)

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
        """Return a finding at a node, with a second node that matters."""
        second = self.locate(related) if related else None
        return Finding(code, self.locate(node), message, remedy, second, related_message, fix)
