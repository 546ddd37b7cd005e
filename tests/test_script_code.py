"""The variants of a script's code, and the marks of their lines."""

import ast

from orm_async_tests.script_code import find_variants, mark_differences

CODE = '''
@wrong(engine={"pool_size": 1})
async def alone(session: AsyncSession) -> User:
    """read
    once"""
    user = await read(
        session
    )
    return user

@right(engine={"pool_size": 1})
async def both(session: AsyncSession) -> int:
    """read twice"""
    user = await read(session)
    return user

@variant
async def neither() -> int:
    """read nothing"""
    return 0
'''


def test_lines_that_no_variant_of_the_opposite_kind_has_are_marked() -> None:
    lines = ["", *CODE.splitlines()]
    marks = mark_differences(ast.parse(CODE), lines)
    assert {lines[number].strip(): mark for number, mark in marks.items()} == {
        "user = await read(": "-",
        "session": "-",
        "user = await read(session)": "+",
        "return 0": "*",
    }


def test_a_variant_without_a_counterpart_has_no_marks() -> None:
    code = CODE.partition("@right")[0]
    [variant] = find_variants(ast.parse(code))
    assert (variant.kind, variant.label) == ("wrong", "read once")
    assert mark_differences(ast.parse(code), ["", *code.splitlines()]) == {}
