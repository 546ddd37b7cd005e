"""The defects that scripts show, read from the scripts' text so that SQLAlchemy is not imported."""

import ast
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

from orm_async_tests import catalogue
from orm_async_tests.catalogue import ScriptFile
from orm_async_tests.versions.severities import SEVERITIES, Severity

CLASS = "Upstream"  # the class of a defect
SHARED = "orm_async_tests.harness.definitions.known_defects"  # what several scripts show
SHARED_FILE = Path(__file__).parent.parent / "harness/definitions/known_defects.py"


@dataclass(frozen=True)
class KnownDefect:
    """A defect, and the scripts that show it.

    name is the name of its constant, after the name of its script if it is that script's alone.
    """

    name: str
    description: str
    versions: Mapping[str, str]
    link: str
    severity: Severity
    scripts: tuple[ScriptFile, ...]

    @cached_property
    def symptoms(self) -> tuple[str, ...]:
        """The errors by which a person meets its scripts."""
        lines = [symptom.line for script in self.scripts for symptom in script.symptoms]
        return tuple(dict.fromkeys(lines))


def load_known_defects() -> list[KnownDefect]:
    """Return every defect, ordered by the number of the first script that shows it."""
    shared = dict(_find_definitions(SHARED_FILE.read_text("utf-8"), SHARED_FILE))
    defects: dict[str, KnownDefect] = {}
    for script in catalogue.read_scripts():
        for name, definition in _find_defects(script, shared):
            scripts = defects[name].scripts if name in defects else ()
            defects[name] = KnownDefect(name, *definition, (*scripts, script))
    return list(defects.values())


def upstream_entry(
    description: str,
    versions: Mapping[str, str],
    link: str,
    severity: str = f"<{', '.join(SEVERITIES)}>",
) -> str:
    """Return the lines of an `Upstream(...)`, to be pasted into a script."""
    arguments = (description, dict(versions), link, severity)
    lines = (f"    {json.dumps(argument)}," for argument in arguments)
    return "\n".join([f"{CLASS}(", *lines, ")"])


class Definition(NamedTuple):
    """The arguments of an `Upstream(...)`."""

    description: str
    versions: Mapping[str, str]
    link: str
    severity: Severity


def _find_defects(
    script: ScriptFile, shared: Mapping[str, Definition]
) -> Iterator[tuple[str, Definition]]:
    text = script.path.read_text("utf-8")
    if CLASS not in text and SHARED not in text:
        return  # most scripts: parsing them would take most of the time
    for node in ast.parse(text).body:
        if isinstance(node, ast.ImportFrom) and node.module == SHARED:
            yield from ((alias.name, shared[alias.name]) for alias in node.names)
    for name, definition in _find_definitions(text, script.path):
        yield f"{script.command}.{name}", definition


def _find_definitions(text: str, path: Path) -> Iterator[tuple[str, Definition]]:
    """Yield the constants of a module that are defects. Raise ValueError for other arguments."""
    for node in ast.parse(text).body:
        match node:
            case ast.Assign(
                targets=[ast.Name(name)], value=ast.Call(func=ast.Name(function)) as call
            ) if function == CLASS:
                try:
                    definition = Definition(*map(ast.literal_eval, call.args))
                except (TypeError, ValueError) as error:
                    raise ValueError(f"{path}, {name}: {error}") from None
                if definition.severity not in SEVERITIES:
                    raise ValueError(f"{path}, {name}: no severity {definition.severity!r}")
                yield name, definition
            case _:
                pass
