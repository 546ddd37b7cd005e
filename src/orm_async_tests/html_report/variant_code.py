"""Renders a script's code as lines of HTML, with its variants side by side."""

import ast
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from markupsafe import Markup
from pygments import format as format_tokens
from pygments.formatters import HtmlFormatter
from pygments.lexers import PythonLexer
from pygments.token import STANDARD_TYPES, Comment, Keyword, Name, Number, String, Token

from orm_async_tests.catalogue import ScriptFile
from orm_async_tests.script_code import find_variants, list_lines, mark_differences

SHOWN = (Comment, Keyword, Name.Decorator, Number, String)  # the tokens that have a color


@dataclass
class CodeLine:
    number: int
    text: str
    html: Markup
    mark: str = ""  # a key of MEANINGS, if other variants lack this line


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
    by_number = {line.number: line for line in lines}
    for number, mark in mark_differences(tree, ["", *source.split("\n")]).items():
        by_number[number].mark = mark
    variants = [
        VariantCode(
            variant.node.name,
            variant.kind,
            variant.label,
            [by_number[n] for n in list_lines(variant.node)],
        )
        for variant in find_variants(tree)
    ]
    shown = {line.number for variant in variants for line in variant.lines}
    rest = [line for line in lines if line.number not in shown]
    return ScriptCode(by_number, variants, _join_blank_lines(rest))


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


def _join_blank_lines(lines: Sequence[CodeLine]) -> list[CodeLine]:
    pairs = zip(["", *(line.text for line in lines)], lines, strict=False)
    return [line for before, line in pairs if line.text.strip() or before.strip()]
