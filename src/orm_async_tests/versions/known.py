"""The defects that scripts show, read from the scripts' text: nothing of SQLAlchemy is imported."""

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from orm_async_tests import catalogue
from orm_async_tests.catalogue import ScriptFile

MARK = "Upstream"  # the class of a defect
SHARED = "orm_async_tests.harness.definitions.known_defects"  # defects that several scripts meet
DEFECTS = Path(__file__).parent.parent / "harness/definitions/known_defects.py"


@dataclass(frozen=True)
class Known:
    """A defect, and the scripts that show it. Its name is its constant's, after its script's."""

    name: str
    what: str
    versions: Mapping[str, str]
    link: str
    scripts: tuple[ScriptFile, ...]

    @cached_property
    def met_as(self) -> tuple[str, ...]:
        """The errors by which its scripts are met."""
        found = [each.line for entry in self.scripts for each in entry.symptoms]
        return tuple(dict.fromkeys(found))


def known_defects() -> list[Known]:
    """Every defect, by the number of the first script that shows it."""
    shared = dict(_defined(ast.parse(DEFECTS.read_text("utf-8"))))
    found: dict[str, Known] = {}
    for entry in catalogue.read_scripts():
        for name, (what, versions, link) in _of(entry, shared):
            before = found[name].scripts if name in found else ()
            found[name] = Known(name, what, versions, link, (*before, entry))
    return list(found.values())


Said = tuple[str, Mapping[str, str], str]  # an Upstream's arguments


def _of(entry: ScriptFile, shared: Mapping[str, Said]) -> Iterator[tuple[str, Said]]:
    tree = ast.parse(entry.path.read_text("utf-8"))
    for node in tree.body:
        if isinstance(node, ast.ImportFrom) and node.module == SHARED:
            yield from ((each.name, shared[each.name]) for each in node.names)
    for name, said in _defined(tree):
        yield f"{entry.command}.{name}", said


def _defined(tree: ast.Module) -> Iterator[tuple[str, Said]]:
    for node in tree.body:
        match node:
            case ast.Assign(
                targets=[ast.Name(name)],
                value=ast.Call(func=ast.Name(mark), args=[what, versions, link]),
            ) if mark == MARK:
                texts = ast.literal_eval(what), ast.literal_eval(versions), ast.literal_eval(link)
                yield name, texts
            case _:
                pass
