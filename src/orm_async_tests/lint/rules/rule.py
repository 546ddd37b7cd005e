"""Defines the base class of the rules."""

import ast
from collections.abc import Iterator
from typing import ClassVar

from orm_async_tests.lint.finding import Finding, Fix
from orm_async_tests.lint.source_file import SourceFile


class Rule:
    """A rule, which finds one kind of mistake. Each rule has its own code and its own method
    `check`.
    """

    code: ClassVar[str]
    name: ClassVar[str]
    """A name in kebab-case, for example "missing-await"."""

    summary: ClassVar[str]
    """What is wrong, in one sentence."""

    scripts: ClassVar[tuple[int, ...]]
    """The numbers of the scripts that prove it; the rule finds all their wrong variants."""

    exceptions: ClassVar[tuple[str, ...]]
    """When the rule does not apply, one sentence for one case."""

    is_default: ClassVar[bool] = True

    message: ClassVar[str] = "{}"
    """What happens there. The braces stand for words of a finding, here and in the others."""

    remedy: ClassVar[str] = "{}"
    related_message: ClassVar[str] = ""

    def check(self, file: SourceFile) -> Iterator[Finding]:
        """Yield the findings of the rule in a file."""
        raise NotImplementedError

    def report(
        self,
        file: SourceFile,
        node: ast.AST,
        *words: str,
        related: ast.AST | None = None,
        fix: Fix | None = None,
        **texts: str,
    ) -> Finding:
        """Return a finding at a node. The argument `related` is a second node that explains the
        finding.

        The words fill the braces of the rule's message. The argument `texts` replaces the texts of
        the rule's class.
        """
        message, remedy, related_message = (
            text.format(*words) if words else text
            for text in (
                texts.get("message") or self.message,
                texts.get("remedy") or self.remedy,
                texts.get("related_message") or self.related_message,
            )
        )
        place, second = file.locate(node), file.locate(related) if related else None
        second_message = related_message if related else ""
        return Finding(self.code, place, message, remedy, second, second_message, fix)
