"""Finds lines of Python that fix the error that a script demonstrates."""

import ast
import re
from collections.abc import Iterator

from orm_async_tests.catalogue import ScriptFile
from orm_async_tests.questions import read_cures

MOST = 3  # lines of a cure
WIDTH = 96  # columns of a line: a longer statement is no short cure
FIXTURES = re.compile(  # of the harness: a line that uses one says nothing to a reader
    r"\b(activity|checked_out|http|make_engine|pooler|processes|wire)\b"
)


def cure_lines(script: ScriptFile) -> list[str]:
    """Return at most three lines of Python, which fix the error that a script demonstrates.

    Return the lines that the table `cures` of data/questions.toml has for the script. If the table
    `cures` has no lines for the script, return short lines that occur in the script's right
    variant, but in no wrong variant.
    """
    if lines := read_cures().get(script.number):
        return lines
    variants: dict[str, list[list[str]]] = {"wrong": [], "right": []}
    for node in ast.parse(script.code).body:
        if isinstance(node, ast.AsyncFunctionDef):
            kinds = {ast.unparse(item).partition("(")[0] for item in node.decorator_list}
            for kind in variants.keys() & kinds:
                variants[kind].append(list(_lines(node, script.code)))
    known = {line for variant in variants["wrong"] for line in variant}
    right = variants["right"][0] if variants["right"] else []
    short = [line for line in right if line not in known and len(line) <= WIDTH]
    return [line for line in short if not FIXTURES.search(line)][:MOST]


def _lines(variant: ast.AsyncFunctionDef, source: str) -> Iterator[str]:
    for decorator in variant.decorator_list:
        for keyword in decorator.keywords if isinstance(decorator, ast.Call) else ():
            if keyword.arg == "engine" and isinstance(keyword.value, ast.Dict):
                pairs = zip(keyword.value.keys, keyword.value.values, strict=True)
                options = [
                    f"{ast.literal_eval(key)}={ast.unparse(value)}" for key, value in pairs if key
                ]
                yield f"engine = create_async_engine(url, {', '.join(options)})"
    for statement in _statements(variant.body[1:]):  # without the docstring
        text = " ".join((ast.get_source_segment(source, statement) or "").split())
        text = text.replace("( ", "(").replace(", )", ")").replace(" )", ")")
        yield text.partition(":")[0] + ":" if hasattr(statement, "body") else text


def _statements(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    for statement in body:
        if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            continue
        is_await = isinstance(statement, ast.Return) and isinstance(statement.value, ast.Await)
        is_other = isinstance(statement, ast.Return | ast.Import | ast.ImportFrom)
        is_simple = not hasattr(statement, "body") and not is_other
        if is_await or is_simple or isinstance(statement, ast.AsyncWith | ast.With):
            yield statement
        for inner in ("body", "orelse", "finalbody"):
            yield from _statements(getattr(statement, inner, []))
