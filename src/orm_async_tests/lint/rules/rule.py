"""Defines the base class of the rules."""

from collections.abc import Iterator
from typing import ClassVar

from orm_async_tests.lint.finding import Finding
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

    def check(self, file: SourceFile) -> Iterator[Finding]:
        """Yield the findings of the rule in a file."""
        raise NotImplementedError
