"""The options of scripts that store the points of a walk."""

import pytest

from orm_async_tests import walk


@pytest.mark.parametrize("text", ["", "x", "-1", "5-1", "nan", "inf", "1-inf"])
def test_a_pause_that_never_ends_or_begins_is_refused(text: str) -> None:
    assert walk.parse_pace("1-5") == (1, 5)
    with pytest.raises(ValueError):  # noqa: PT011 - argparse prints its own message
        walk.parse_pace(text)
