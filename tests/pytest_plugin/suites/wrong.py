"""The wrong ways of the trap scripts."""

from orm_async_tests import catalogue
from orm_async_tests.harness.script import Script
from orm_async_tests.harness.ways import Way

CHAPTERS = ("implicit_io", "concurrency", "pool")


def wrong(chapter: str) -> list[tuple[str, Script, Way]]:
    """Each wrong way of a chapter, with its command and script."""
    entries = [entry for entry in catalogue.read_scripts() if entry.chapter == chapter]
    scripts = {entry.command: Script.of(entry.load()) for entry in entries}
    return [
        (command, script, way)
        for command, script in scripts.items()
        for way in script.ways
        if way.kind == "wrong"
    ]
