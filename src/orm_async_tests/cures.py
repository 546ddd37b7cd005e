"""Finds the lines of a script's right variant that fix the error of the wrong variant."""

import ast
import re
from collections.abc import Iterator

from orm_async_tests.catalogue import ScriptFile, find_variants
from orm_async_tests.questions import read_cures

MOST = 3  # lines of a cure
WIDTH = 96  # columns of a line: a longer statement is no short cure
NAME = re.compile(r"\w+")
FIXTURES = {  # of the harness: a line that uses one says nothing to a reader
    "activity",
    "checked_out",
    "http",
    "make_engine",
    "pooler",
    "processes",
    "wire",
}


def cure_lines(script: ScriptFile) -> list[str]:
    """Return at most MOST lines of Python that fix a script's error.

    The lines that fix the error come from data/questions.toml. If questions.toml has no lines for
    the script, return the statements that only the script's first right variant has. If a decorator
    passes options to the engine, show the options in a call of create_async_engine(). Return an
    empty list if no short statement occurs only in the right variant.
    """
    if lines := read_cures().get(script.number):
        return lines
    source = script.path.read_text("utf-8")
    tree = ast.parse(source)
    wrong, right = find_variants(tree, "wrong"), find_variants(tree, "right")
    if not right:
        return []
    known = {line for variant in wrong for line in _lines(variant, source)}
    short_lines = (
        line for line in _lines(right[0], source) if line not in known and len(line) <= WIDTH
    )
    return [line for line in short_lines if not FIXTURES & set(NAME.findall(line))][:MOST]


def _lines(variant: ast.AsyncFunctionDef, source: str) -> Iterator[str]:
    for decorator in variant.decorator_list:
        for keyword in decorator.keywords if isinstance(decorator, ast.Call) else ():
            if keyword.arg == "engine" and isinstance(keyword.value, ast.Dict):
                pairs = zip(keyword.value.keys, keyword.value.values, strict=True)
                options = ", ".join(
                    f"{ast.literal_eval(key)}={ast.unparse(value)}" for key, value in pairs if key
                )
                yield f"engine = create_async_engine(url, {options})"
    for statement in _statements(variant.body[1:]):  # without the docstring
        text = " ".join((ast.get_source_segment(source, statement) or "").split())
        text = text.replace("( ", "(").replace(", )", ")").replace(" )", ")")
        yield text.partition(":")[0] + ":" if hasattr(statement, "body") else text


def _statements(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """Yield the simple statements and the `with` blocks in a list of statements. Leave out imports,
    and statements that only compute values for the function `check`.
    """
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
