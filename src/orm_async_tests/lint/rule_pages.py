"""Renders the page of a rule: what the rule finds, and which claims support the rule."""

import ast
from collections.abc import Iterator, Mapping

from orm_async_tests import catalogue
from orm_async_tests.catalogue import ScriptFile
from orm_async_tests.errors import CouldNotRun
from orm_async_tests.lint.rules import RULES
from orm_async_tests.lint.rules.rule import Rule
from orm_async_tests.script_code import Function, find_variants, list_lines

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
    remedy = f"one of {', '.join(RULES)}"
    raise CouldNotRun(f"there is no rule {word!r}", "the command line", remedy)


def render_page(rule: type[Rule]) -> str:
    return "\n\n".join(_parts(rule))


def _parts(rule: type[Rule]) -> Iterator[str]:
    yield f"# {rule.code} {rule.name}"
    yield rule.summary
    yield (DEFAULT if rule.is_default else OPTIONAL).format(code=rule.code)
    scripts = catalogue.select(map(str, rule.scripts))
    shown = set[str]()
    for heading in ("Wrong", "Right"):
        yield f"## {heading}"
        if rule.examples:
            yield f"```python\n{rule.examples[heading].strip()}\n```"
            continue
        variants = [(script, node) for script in scripts for node in _variants(script, heading)]
        for script, node in variants[:2]:
            yield f"From the script `{script.command}`:"
            code = "\n\n\n".join(_with_definitions(script, node, shown))
            yield f"```python\n{code}\n```"
    yield "## When the rule does not apply"
    yield rule.exceptions or "No exception is known."
    yield "## Proof"
    yield f"The rule {rule.code} is based on the claims of these scripts:"
    yield "\n".join(f"- `{script.command}`: {script.claim}" for script in scripts)
    yield SUPPRESS.format(code=rule.code)


def _variants(script: ScriptFile, heading: str) -> list[Function]:
    variants = find_variants(ast.parse(script.path.read_text("utf-8")))
    return [variant.node for variant in variants if variant.kind == heading.lower()][:1]


def _with_definitions(script: ScriptFile, variant: Function, shown: set[str]) -> Iterator[str]:
    """Yield the code of a variant, after the definitions that it uses and that are not shown."""
    text = script.path.read_text("utf-8")
    lines = text.split("\n")
    definitions = {name: node for node in ast.parse(text).body for name in _defined_names(node)}
    used = _used_names(variant, definitions)
    for name, node in definitions.items():
        key = f"{script.number} {name}"
        if name in used and key not in shown:
            shown.add(key)
            numbers = list_lines(node)
            yield "\n".join(lines[numbers.start - 1 : numbers.stop - 1])
    yield ast.get_source_segment(text, variant) or ""


def _used_names(variant: Function, definitions: Mapping[str, ast.stmt]) -> set[str]:
    """Return the definitions that a variant uses, also through other definitions."""
    used, pending = set[str](), list[ast.stmt]([variant])
    while pending:
        for node in ast.walk(pending.pop()):
            name = node.id if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load) else ""
            if name in definitions and name not in used:
                used.add(name)
                pending.append(definitions[name])
    return used


def _defined_names(node: ast.stmt) -> list[str]:
    match node:
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
            return [name]
        case ast.Assign(targets=[ast.Name(id=name)]) | ast.AnnAssign(target=ast.Name(id=name)):
            return [name]
    return []
