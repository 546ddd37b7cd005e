"""What the check of one file gives, and the form in which the cache keeps it."""

from dataclasses import asdict, dataclass, field
from typing import Any

from orm_async_tests.lint.finding import Finding, Fix, Location


@dataclass(frozen=True)
class Unreadable:
    """A file that could not be checked."""

    path: str
    line: int
    message: str


@dataclass
class FileResult:
    """What the check of one file gives."""

    findings: list[Finding] = field(default_factory=list)
    pending: list[tuple[str, Finding]] = field(default_factory=list)
    """Findings that count only if the function with this name is a dependency."""

    dependencies: list[tuple[str, str, bool]] = field(default_factory=list)
    unreadable: Unreadable | None = None
    read: frozenset[str] = frozenset()
    """The modules that the result depends on."""

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to keep besides the modules that were read."""
        return not (self.findings or self.pending or self.dependencies or self.unreadable)

    def to_json(self) -> dict[str, Any]:
        """Return the result without the modules that were read."""
        document = asdict(self)
        del document["read"]
        return document


def parse_result(document: dict[str, Any]) -> FileResult:
    """Return the result that `to_json` has described."""
    unreadable = document["unreadable"]
    return FileResult(
        [_parse_finding(finding) for finding in document["findings"]],
        [(name, _parse_finding(finding)) for name, finding in document["pending"]],
        [(module, name, is_short) for module, name, is_short in document["dependencies"]],
        Unreadable(**unreadable) if unreadable else None,
    )


def _parse_finding(document: dict[str, Any]) -> Finding:
    related, fix = document["related"], document["fix"]
    places = [(Location(**place), text) for place, text in fix["replacements"]] if fix else []
    return Finding(
        **{
            **document,
            "location": Location(**document["location"]),
            "related": Location(**related) if related else None,
            "fix": Fix(tuple(places)) if fix else None,
        }
    )
