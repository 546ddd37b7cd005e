"""Parses the elements of a page, and makes results for all scripts."""

import copy
from collections.abc import Iterator, Sequence
from functools import cached_property
from html.parser import HTMLParser
from typing import Any

from orm_async_tests.catalogue import ScriptFile
from orm_async_tests.html_report.variant_code import read_code

Attributes = dict[str, str]
VOID = {"meta", "link", "input", "br"}
STACK = {
    "python": "3.11.7",
    "sqlalchemy": "2.1.9",
    "driver": "asyncpg",
    "driver_version": "0.32.0",
    "postgresql": "18.4",
    "database": "embedded",
    "loop": "asyncio",
    "pooler": "",
}


class Page(HTMLParser):
    """Parses a page's elements with their attributes, and its text without scripts and styles."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, Attributes]] = []
        self.open: list[str] = []
        self.texts: list[str] = []
        self.code: list[str] = []  # of scripts and styles
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag, self.getpos()

    def handle_data(self, data: str) -> None:
        (self.code if self.open[-1:] in (["script"], ["style"]) else self.texts).append(data)

    @cached_property
    def text(self) -> str:
        """Return the text that a reader sees."""
        return "".join(self.texts)

    def values(self, attribute: str) -> Iterator[str]:
        """Yield the values of an attribute."""
        yield from (values[attribute] for _, values in self.elements if attribute in values)


def run_document(results: Sequence[dict[str, Any]], **stack: str) -> dict[str, Any]:
    """Return the document of a run."""
    return {"schema": 8, "stack": {**STACK, **stack}, "results": [*results]}


def spread_over_scripts(
    result: dict[str, Any], scripts: Sequence[ScriptFile]
) -> list[dict[str, Any]]:
    """Return a result for every script, with the variants' runs of one real result."""
    results = []
    for script in scripts:
        names = [variant.name for variant in read_code(script).variants]
        runs = [
            {**copy.deepcopy(result["variants"][number % len(result["variants"])]), "name": name}
            for number, name in enumerate(names)
        ]
        results.append({**result, "number": script.number, "variants": runs})
    return results
