"""Renders the page of a rule: what the rule finds, and which claims support the rule."""

import ast
from collections.abc import Iterator

from orm_async_tests import catalogue
from orm_async_tests.catalogue import ScriptFile
from orm_async_tests.errors import CouldNotRun
from orm_async_tests.lint.rules import RULES
from orm_async_tests.lint.rules.rule import Rule
from orm_async_tests.script_code import find_variants

DEFAULT = "The checker applies the rule {code} by default."
OPTIONAL = (
    "The rule {code} is off by default. The setting `preview = true` or the option "
    "`--select {code}` turns the rule on."
)
SUPPRESS = """## Suppress a finding

To suppress {code}, write one of these comments on a line that the finding shows:

```python
# noqa: {code}
# oat: ignore[{code}] reason
```
"""


def find_rule(word: str) -> type[Rule]:
    for rule in RULES.values():
        if word.upper() == rule.code or word.lower() == rule.name:
            return rule
    raise CouldNotRun(
        f"there is no rule {word!r}", "the command line", f"one of {', '.join(RULES)}"
    )


def render_page(rule: type[Rule]) -> str:
    return "\n\n".join(_parts(rule))


def _parts(rule: type[Rule]) -> Iterator[str]:
    yield f"# {rule.code} {rule.name}"
    yield rule.summary
    yield (DEFAULT if rule.is_default else OPTIONAL).format(code=rule.code)
    scripts = catalogue.select(map(str, rule.scripts))
    for heading in ("Wrong", "Right"):
        variants = [(script, code) for script in scripts for code in _variant(script, heading)]
        if variants:
            yield f"## {heading}"
        for script, code in variants[:2]:
            yield f"From the script `{script.command}`:"
            yield f"```python\n{code}\n```"
    yield "## When the rule does not apply"
    yield rule.exceptions or "No exception is known."
    yield "## Proof"
    yield f"The rule {rule.code} is based on the claims of these scripts:"
    yield "\n".join(f"- `{script.command}`: {script.claim}" for script in scripts)
    yield SUPPRESS.format(code=rule.code)


def _variant(script: ScriptFile, heading: str) -> list[str]:
    text = script.path.read_text("utf-8")
    variants = find_variants(ast.parse(text))
    nodes = [variant.node for variant in variants if variant.kind == heading.lower()]
    return [ast.get_source_segment(text, node) or "" for node in nodes[:1]]
