"""Renders the page of a rule, which says what the rule finds and which scripts prove it."""

import ast
import textwrap
from collections.abc import Iterator

from orm_async_tests import catalogue
from orm_async_tests.catalogue import ScriptFile
from orm_async_tests.errors import CouldNotRun
from orm_async_tests.lint.rules import RULES
from orm_async_tests.lint.rules.rule import Rule

DEFAULT = "The checker applies the rule {code} by default."
OPTIONAL = "The rule {code} is off by default. `preview = true` or `--select {code}` turns it on."


def find_rule(word: str) -> type[Rule]:
    """Return the rule that has the given code or name. Raise CouldNotRun if no rule has the given
    code or name.
    """
    for rule in RULES.values():
        if word.upper() == rule.code or word.lower() == rule.name:
            return rule
    codes = ", ".join(RULES)
    raise CouldNotRun(f"there is no rule {word!r}", "the command line", f"one of {codes}")


def render_page(rule: type[Rule]) -> str:
    """Return the page of a rule in Markdown."""
    return "\n\n".join(_parts(rule)) + "\n"


def _parts(rule: type[Rule]) -> Iterator[str]:
    yield f"# {rule.code} {rule.name}"
    yield rule.summary
    yield (DEFAULT if rule.is_default else OPTIONAL).format(code=rule.code)
    numbers = [str(number) for number in rule.scripts]
    scripts = catalogue.select(numbers) if numbers else []
    for heading, kind in (("Wrong", "wrong"), ("Right", "right")):
        variants = [(script, code) for script in scripts for code in _variants(script, kind)[:1]]
        if variants:
            yield f"## {heading}"
        for script, code in variants[:2]:
            yield f"```python\n{code}\n```"
            yield f"From `{script.command}`."
    yield "## When it does not apply"
    yield "\n".join(f"- {line}" for line in rule.exceptions) or "No exception is known."
    if scripts:
        yield "## Proof"
        yield "\n".join(f"- `{script.command}`: {script.claim}" for script in scripts)
    yield "## Suppress it"
    yield f"To suppress {rule.code}, write one of these comments on a line that the finding shows:"
    yield f"```python\n# noqa: {rule.code}\n# oat: ignore[{rule.code}] reason\n```"


def _variants(script: ScriptFile, kind: str) -> list[str]:
    """Return the code of a script's variants of one kind, without their decorators."""
    text = script.path.read_text("utf-8")
    lines = text.splitlines()
    return [
        textwrap.dedent("\n".join(lines[node.lineno - 1 : node.end_lineno]))
        for node in ast.parse(text).body
        if isinstance(node, ast.AsyncFunctionDef)
        and any(ast.unparse(item).partition("(")[0] == kind for item in node.decorator_list)
    ]
