"""Reads the comments `# noqa` and `# oat: ignore`, which suppress findings."""

import io
import re
import tokenize
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from orm_async_tests.lint.finding import Finding, Location
from orm_async_tests.lint.rules.rule import Rule

COMMENT = re.compile(
    r"""\#\s*(?: (?P<noqa>noqa) (?: \s*:\s* (?P<codes>[A-Z]+[0-9]+ (?:[,\s]+[A-Z]+[0-9]+)*) )?
             | oat:\s*ignore (?: \[ (?P<ours>[^]]*) \] )? )""",
    re.VERBOSE | re.IGNORECASE,
)
CODE = re.compile(r"\bOAT\d*")
EVERY_CODE = "OAT"


class UnusedIgnore(Rule):
    """A comment that should suppress a finding suppresses nothing.

    The checker uses the rule OAT001 only with the option --warn-unused-ignores.
    """

    code = "OAT001"
    scripts = ()
    is_default = False


@dataclass(frozen=True)
class Suppression:
    """A comment that suppresses the findings whose code begins with `prefix`."""

    location: Location
    prefix: str
    is_bare_noqa: bool
    """Whether the comment is `# noqa` without codes, which also addresses other checkers."""

    def suppresses(self, finding: Finding) -> bool:
        """Return whether the comment applies to the line and the code of a finding."""
        lines = {line for place in finding.places for line in (place.line, place.end_line)}
        return self.location.line in lines and finding.code.startswith(self.prefix)

    def report_unused(self) -> Finding:
        text = f"This comment suppresses nothing, because the line has no finding of {self.prefix}."
        remedy = f"Remove {self.prefix} or the comment."
        return Finding(UnusedIgnore.code, self.location, text, remedy)


def read_suppressions(path: str, lines: Sequence[str]) -> Iterator[Suppression]:
    """Yield a suppression for every code in the comments of a file.

    A comment without codes suppresses all codes.
    """
    if not any(COMMENT.search(line) for line in lines):
        return
    text = io.StringIO("\n".join(lines) + "\n")
    for token in tokenize.generate_tokens(text.readline):  # a string may look like a comment
        if token.type != tokenize.COMMENT:
            continue
        for match in COMMENT.finditer(token.string):
            line, column = token.start[0], token.start[1] + match.start() + 1
            place = Location(path, line, column, line, column + len(match[0]), lines[line - 1])
            codes = match["codes"] or match["ours"]
            prefixes = [EVERY_CODE] if codes is None else CODE.findall(codes.upper())
            if match["ours"] is not None and not prefixes:
                prefixes = [f"[{codes}]"]  # suppresses nothing
            for prefix in prefixes:
                yield Suppression(place, prefix, codes is None and bool(match["noqa"]))
