"""Defines the base class of the rules."""

import ast
import inspect
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import ClassVar

from orm_async_tests.lint.finding import Finding, Fix
from orm_async_tests.lint.folding import expand_keywords
from orm_async_tests.lint.scopes import Scope, end_of, start_of, walk
from orm_async_tests.lint.source_file import SourceFile

Use = tuple[ast.AST, ast.AST | None]  # a syntax node, and its parent


class Rule:
    """A rule of the checker, which finds one kind of mistake.

    The docstring of a subclass is the text of the rule's page. The first paragraph of the docstring
    describes the mistake. The other paragraphs say when the rule does not apply.
    """

    code: ClassVar[str]
    name: ClassVar[str]
    """The class name in kebab case, for example "missing-await" for MissingAwait."""

    summary: ClassVar[str]
    """The first paragraph of the docstring."""

    exceptions: ClassVar[str]
    """The other paragraphs of the docstring, as a list in Markdown."""

    scripts: ClassVar[tuple[int, ...]]
    """The numbers of the scripts that justify the rule. The rule reports their wrong variants."""

    examples: ClassVar[Mapping[str, str]] = {}
    """Wrong and right code for the rule's page, if no script contains the mistake."""

    is_default: ClassVar[bool] = True

    message: ClassVar[str] = "{}"
    """What happens in the code. The method `report` fills the braces in this text."""

    remedy: ClassVar[str] = "{}"
    related_message: ClassVar[str] = ""

    def __init_subclass__(cls) -> None:
        cls.name = re.sub(r"\B(?=[A-Z])", "-", cls.__name__).lower()
        paragraphs = (inspect.getdoc(cls) or "").split("\n\n")
        cls.summary, *exceptions = (" ".join(paragraph.split()) for paragraph in paragraphs)
        cls.exceptions = "\n".join(f"- {exception}" for exception in exceptions)

    def check(self, file: SourceFile) -> Iterator[Finding]:
        raise NotImplementedError

    def report(
        self,
        file: SourceFile,
        node: ast.AST,
        *words: str,
        related: ast.AST | None = None,
        fix: Fix | None = None,
        message: str = "",
        remedy: str = "",
    ) -> Finding:
        """Return a finding at the syntax node `node`.

        The finding also shows the node `related`. The arguments `words` replace the braces in the
        rule's texts. The arguments `message` and `remedy` replace the rule's own message and
        remedy.
        """
        texts = message or self.message, remedy or self.remedy, self.related_message
        message, remedy, related_message = (text.format(*words) for text in texts)
        second = file.locate(related) if related else None
        place = file.locate(node)
        related_message = related_message if related else ""
        return Finding(self.code, place, message, remedy, second, related_message, fix)


def argument(call: ast.Call, position: int, name: str) -> list[ast.expr]:
    """Return a list with one argument of a call, or an empty list if the argument is missing."""
    named = [keyword.value for keyword in call.keywords if keyword.arg == name]
    return [*call.args[position : position + 1], *named]


def insertion(file: SourceFile, node: ast.AST, text: str) -> Fix:
    place = file.locate(node)
    return Fix(replace(place, end_line=place.line, end_column=place.column), text)


def named_arguments(file: SourceFile, call: ast.Call, scope: Scope) -> dict[str, ast.expr]:
    """Map the names of keyword arguments to their values, including known items of `**options`."""
    return {item.arg: item.value for item in expand_keywords(file.project, call, scope) if item.arg}


def uses_of_call(call: ast.expr, scope: Scope) -> list[Use]:
    """Return where code uses the result of a call, for example through a variable."""
    parents = scope.module.parents
    match parents.get(call):
        case (
            ast.Assign(targets=[ast.Name(id=name)])
            | ast.AnnAssign(target=ast.Name(id=name))
            | ast.NamedExpr(target=ast.Name(id=name))
        ) as parent if name in scope.bindings:
            uses = _uses_of_value(name, call, scope)
            is_named = isinstance(parent, ast.NamedExpr)
            return [*uses, (parent, parents[parent])] if is_named else uses
        case around:
            return [(call, around)]


def _uses_of_value(name: str, value: ast.expr, scope: Scope) -> list[Use]:
    """Return where a function reads a variable up to its next assignment.

    If there is no such use, the next assignment may be in another branch, so return the value as
    its own use.
    """
    bindings = scope.bindings[name]
    uses: list[Use] = [
        (child, around) for around in walk(scope.node) for child in ast.iter_child_nodes(around)
        if isinstance(child, ast.Name) and child.id == name and isinstance(child.ctx, ast.Load)
    ]  # fmt: skip
    if len(bindings) == 1:
        return uses
    nodes = [item.node[0] if item.kind.startswith("part") else item.node for item in bindings]
    ends = [end_of(node) for node in nodes if hasattr(node, "end_lineno")]
    limit = min((end for end in ends if end > end_of(value)), default=end_of(scope.node))
    near = [use for use in uses if end_of(value) < start_of(use[0]) <= limit]
    return near or [(value, None)]
