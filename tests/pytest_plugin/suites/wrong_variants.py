"""The wrong variants of the chapters about implicit IO, concurrency and the pool."""

from collections.abc import Collection

from orm_async_tests import catalogue
from orm_async_tests.harness.definitions.variants import Variant
from orm_async_tests.harness.script import Script

CHAPTERS = ("implicit_io", "concurrency", "pool")


def wrong_variants(chapters: Collection[str] = CHAPTERS) -> list[tuple[str, Script, Variant]]:
    """Return every wrong variant, with its script and the script's command."""
    entries = [entry for entry in catalogue.read_scripts() if entry.chapter in chapters]
    scripts = {entry.command: Script.of(entry.load()) for entry in entries}
    return [
        (command, script, variant)
        for command, script in scripts.items()
        for variant in script.variants
        if variant.kind == "wrong"
    ]
