"""Finds the variants of a script, and the lines in which they differ."""

import ast
from collections.abc import Sequence
from dataclasses import dataclass

MARKS = {"wrong": "-", "right": "+", "variant": "*"}  # by the kind of a variant
MEANINGS = {"-": "in no right variant", "+": "in no wrong variant", "*": "in no other variant"}
OPPOSITE = {"wrong": "right", "right": "wrong"}

Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class VariantFunction:
    node: Function
    kind: str

    @property
    def label(self) -> str:
        return " ".join((ast.get_docstring(self.node) or "").split())

    @property
    def line_numbers(self) -> list[int]:
        """The numbers of the variant's lines, except for the docstring."""
        docstring = self.node.body[0] if self.label else None
        hidden = list_lines(docstring) if docstring else ()
        return [number for number in list_lines(self.node) if number not in hidden]


def find_variants(script: ast.Module) -> list[VariantFunction]:
    return [
        VariantFunction(node, kind)
        for node in script.body
        if isinstance(node, Function)
        for decorator in node.decorator_list
        if (kind := ast.unparse(decorator).partition("(")[0]) in MARKS
    ]


def list_lines(statement: ast.stmt) -> range:
    """Return the line numbers of a statement and of its decorators."""
    decorators = statement.decorator_list if isinstance(statement, Function) else ()
    first = min([statement.lineno, *(decorator.lineno for decorator in decorators)])
    return range(first, (statement.end_lineno or first) + 1)


def mark_differences(script: ast.Module, lines: Sequence[str]) -> dict[int, str]:
    """Return a mark, for example "+", for each line in which the variants differ.

    The dictionary MEANINGS explains the marks. The keys of the result are line numbers. The first
    line of the script is `lines[1]`.
    """
    variants = find_variants(script)
    marks = dict[int, str]()
    for variant in variants:
        others = [
            _comparable_lines(other, lines).values()
            for other in variants
            if other is not variant
            if variant.kind == "variant" or other.kind == OPPOSITE[variant.kind]
        ]
        if not others:
            continue
        known = {text for texts in others for text in texts}
        for number, text in _comparable_lines(variant, lines).items():
            if len(text) > 1 and text not in known:
                marks[number] = MARKS[variant.kind]
    return marks


def _comparable_lines(variant: VariantFunction, lines: Sequence[str]) -> dict[int, str]:
    signature = range(variant.node.lineno, variant.node.body[0].lineno)
    return {
        number: lines[number].strip().removeprefix(f"@{variant.kind}")
        for number in variant.line_numbers
        if number not in signature
    }
