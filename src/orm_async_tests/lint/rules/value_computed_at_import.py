"""OAT601: a clock read while a class is defined."""

import ast
from collections.abc import Iterator

from orm_async_tests.lint.finding import Finding
from orm_async_tests.lint.rules.rule import Rule
from orm_async_tests.lint.source_file import SourceFile

CLOCKS = {"now", "utcnow", "today", "time", "uuid4"}


class ValueComputedAtImport(Rule):
    code = "OAT601"
    name = "value-computed-at-import"
    summary = "A column's default is computed once, at import, and all rows get the same value."
    scripts = ()
    exceptions = ("A constant, for example time(hour=12), is the same at any time.",)

    def check(self, file: SourceFile) -> Iterator[Finding]:
        for call in file.nodes(ast.Call):
            for keyword in call.keywords:
                value = keyword.value
                if (
                    keyword.arg in ("default", "onupdate")
                    and isinstance(value, ast.Call)
                    and isinstance(value.func, ast.Attribute)
                    and value.func.attr in CLOCKS
                    and isinstance(call.func, ast.Name)
                    and call.func.id in ("mapped_column", "Column")
                ):
                    yield file.report(
                        self.code,
                        value,
                        "This default is computed once, when the module is imported.",
                        "Pass a function: default=lambda: datetime.now(UTC).",
                    )
