"""The wrong ways of the trap scripts."""

from orm_async_tests import catalogue
from orm_async_tests.harness.definitions.variants import Variant
from orm_async_tests.harness.script import Script

CHAPTERS = ("implicit_io", "concurrency", "pool")


def wrong(chapter: str) -> list[tuple[str, Script, Variant]]:
    """Each wrong way of a chapter, with its command and script."""
    entries = [entry for entry in catalogue.read_scripts() if entry.chapter == chapter]
    scripts = {entry.command: Script.of(entry.load()) for entry in entries}
    return [
        (command, script, variant)
        for command, script in scripts.items()
        for variant in script.variants
        if variant.kind == "wrong"
    ]
