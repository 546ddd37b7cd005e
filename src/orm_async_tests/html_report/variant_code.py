"""Renders a script's code as lines of HTML, with its variants side by side."""

import ast
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from markupsafe import Markup
from pygments import format as format_tokens
from pygments.formatters import HtmlFormatter
from pygments.lexers import PythonLexer
from pygments.token import STANDARD_TYPES, Comment, Keyword, Name, Number, String, Token

from orm_async_tests.catalogue import ScriptFile

SHOWN = (Comment, Keyword, Name.Decorator, Number, String)  # the tokens that have a color
KINDS = ("wrong", "right", "variant")
MARKS = {"wrong": "-", "right": "+", "variant": "•"}  # before a line that other variants lack
Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass
class CodeLine:
    """A line of code. The field `mark` is "" unless the line is missing in other variants."""

    number: int
    text: str
    html: Markup
    mark: str = ""


@dataclass(frozen=True)
class VariantCode:
    name: str
    kind: str
    label: str
    lines: Sequence[CodeLine]


@dataclass(frozen=True)
class ScriptCode:
    lines: Mapping[int, CodeLine]  # by number, without the docstring
    variants: Sequence[VariantCode]
    rest: Sequence[CodeLine]  # what is neither a docstring nor a variant


def read_code(script: ScriptFile) -> ScriptCode:
    source = script.path.read_text("utf-8")
    tree = ast.parse(source)
    first = tree.body[1].lineno  # after the docstring
    lines = highlight_lines("\n".join(source.split("\n")[first - 1 :]), first)
    variants = [
        VariantCode(
            node.name, kind, label, lines[start - first : (node.end_lineno or 0) - first + 1]
        )
        for node in tree.body
        if isinstance(node, Function)
        for start, kind in _read_decorator(node)
        for label in [" ".join((ast.get_docstring(node) or "").split())]
    ]
    _mark_differences(variants)
    shown = {line.number for variant in variants for line in variant.lines}
    rest = [line for line in lines if line.number not in shown]
    return ScriptCode({line.number: line for line in lines}, variants, _join_blank_lines(rest))


def highlight_lines(source: str, first: int = 1) -> list[CodeLine]:
    tokens = PythonLexer(stripnl=False, ensurenl=False).get_tokens(source)
    colored = ((_color(kind), text) for kind, text in tokens)
    html = format_tokens(colored, HtmlFormatter(nowrap=True)).split("\n")
    texts = source.split("\n")
    return [
        CodeLine(number, text, Markup(markup))
        for number, (text, markup) in enumerate(zip(texts, html, strict=False), start=first)
    ]


@cache
def _color(kind: Any) -> Any:
    return next((group for group in SHOWN if kind in group), Token.Text)


def code_css() -> str:
    names = ("comment", "keyword", "decorator", "number", "string")
    pairs = zip(SHOWN, names, strict=True)
    return "".join(f".{STANDARD_TYPES[kind]}{{color:var(--{name})}}" for kind, name in pairs)


def _read_decorator(node: Function) -> Iterator[tuple[int, str]]:
    for decorator in node.decorator_list:
        kind = ast.unparse(decorator).partition("(")[0]
        if kind in KINDS:
            yield min(item.lineno for item in node.decorator_list), kind


def _mark_differences(variants: Sequence[VariantCode]) -> None:
    """Mark a line of a wrong variant if no right variant has this line. Mark a line of a right
    variant if no wrong variant has this line.

    In a script without right and wrong variants, mark the lines that only one variant has.
    """
    texts = {variant.name: {line.text.strip() for line in variant.lines} for variant in variants}
    for variant in variants:
        others = [
            texts[other.name]
            for other in variants
            if other is not variant and (other.kind != variant.kind or variant.kind == "variant")
        ]
        known = set().union(*others)
        for line in variant.lines[1:] if others else ():
            text = line.text.strip()
            is_head = text.startswith(('"""', f"async def {variant.name}("))
            if len(text) > 1 and text not in known and not is_head:
                line.mark = MARKS[variant.kind]


def _join_blank_lines(lines: Sequence[CodeLine]) -> list[CodeLine]:
    pairs = zip(["", *(line.text for line in lines)], lines, strict=False)
    return [line for before, line in pairs if line.text.strip() or before.strip()]
