"""Comments that suppress findings: `# noqa`, `# noqa: OAT201` and `# oat: ignore[OAT201] why`."""

import io
import re
import tokenize
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from orm_async_tests.lint.finding import Finding, Location
from orm_async_tests.lint.rules.rule import Rule

COMMENT = re.compile(
    r"""\#\s*(?: noqa (?: \s*:\s* (?P<noqa>[A-Z]+[0-9]+ (?:[,\s]+[A-Z]+[0-9]+)*) )?
             | oat:\s*ignore (?: \[ (?P<ours>[^]]*) \] )? )""",
    re.VERBOSE | re.IGNORECASE,
)
CODE = re.compile(r"\bOAT\d*")
EVERY_CODE = "OAT"


class UnusedIgnore(Rule):
    """What --warn-unused-ignores reports; no file is checked for it otherwise."""

    code = "OAT001"
    name = "unused-ignore"
    summary = "A comment suppresses a finding that does not exist."
    scripts = ()
    exceptions = ()
    is_default = False


@dataclass(frozen=True)
class Suppression:
    """A comment that suppresses the findings whose code begins with `prefix`."""

    prefix: str
    line: int
    column: int
    text: str
    is_bare_noqa: bool
    """Whether the comment is `# noqa` without codes, which is meant for other checkers, too."""


def read_suppressions(lines: Sequence[str]) -> list[Suppression]:
    """Return the suppressing comments of a file, one for every code in them."""
    if not any(COMMENT.search(line) for line in lines):
        return []
    return [
        Suppression(prefix, line, column + match.start() + 1, match[0], is_bare_noqa)
        for line, column, comment in _comments(lines)
        for match in COMMENT.finditer(comment)
        for prefix, is_bare_noqa in _parse(match)
    ]


def _comments(lines: Sequence[str]) -> Iterator[tuple[int, int, str]]:
    """Yield the line, the column and the text of every comment, but of no string."""
    text = io.StringIO("\n".join(lines) + "\n")
    try:
        for token in tokenize.generate_tokens(text.readline):
            if token.type == tokenize.COMMENT:
                yield token.start[0], token.start[1], token.string
    except (tokenize.TokenError, SyntaxError):
        return


def _parse(match: re.Match[str]) -> list[tuple[str, bool]]:
    codes = match["noqa"] or match["ours"]
    if codes is None:
        return [(EVERY_CODE, "noqa" in match[0].lower())]
    return [(code, False) for code in CODE.findall(codes.upper())]


def find_suppressing(finding: Finding, suppressions: Sequence[Suppression]) -> list[Suppression]:
    """Return the comments that suppress a finding, on a line of either of its locations."""
    locations = [finding.location, *([finding.related] if finding.related else [])]
    lines = {line for place in locations for line in (place.line, place.end_line)}
    return [
        comment
        for comment in suppressions
        if comment.line in lines and finding.code.startswith(comment.prefix)
    ]


def report_unused(path: str, comment: Suppression) -> Finding:
    """Return the finding about a comment that suppresses nothing."""
    end = comment.column + len(comment.text)
    return Finding(
        UnusedIgnore.code,
        Location(path, comment.line, comment.column, comment.line, end),
        f"There is no finding of {comment.prefix} that this comment could suppress.",
        f"Remove {comment.prefix} from the comment, or the comment.",
    )
