"""Fixes change only the code of the finding, in every encoding."""

import os
from pathlib import Path
from unittest.mock import Mock

import pytest

from orm_async_tests.errors import CouldNotRun
from orm_async_tests.lint.finding import Finding, Fix, Location
from orm_async_tests.lint.fixes import apply_fixes


def finding(path: Path, line: int, column: int, new: str, length: int = 0) -> Finding:
    """Return a finding whose fix replaces `length` characters."""
    place = Location(str(path), line, column, line, column + length)
    return Finding("OAT103", place, "", "", fix=Fix(place, new))


def test_fixes_keep_line_ends_encoding_mode_and_the_byte_order_mark(tmp_path: Path) -> None:
    path = tmp_path / "a.py"
    path.write_bytes("\ufeff# ä\r\n\x0cs = 'ä'; f()\r\ng()".encode())
    path.chmod(0o640)
    count = apply_fixes([finding(path, 2, 11, "await "), finding(path, 3, 1, "h", length=1)])
    assert count == 2
    assert path.read_bytes().decode() == "\ufeff# ä\r\n\x0cs = 'ä'; await f()\r\nh()"
    assert path.stat().st_mode & 0o777 == 0o640


def test_of_two_fixes_that_overlap_the_first_is_applied(tmp_path: Path) -> None:
    path = tmp_path / "a.py"
    path.write_text("name()\n", "utf-8")
    fixes = [finding(path, 1, 1, "other", length=4), finding(path, 1, 3, "x", length=1)]
    assert apply_fixes(fixes) == 1
    assert path.read_text("utf-8") == "other()\n"


def test_a_file_stays_as_it_is_if_a_fix_would_break_it(tmp_path: Path) -> None:
    path = tmp_path / "a.py"
    path.write_text("name()\n", "utf-8")
    assert apply_fixes([finding(path, 1, 1, "(")]) == 0
    assert path.read_text("utf-8") == "name()\n"


def test_a_file_that_cannot_be_replaced_stays_alone_in_its_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.py"
    path.write_text("name()\n", "utf-8")
    monkeypatch.setattr(Path, "replace", Mock(side_effect=OSError(28, "no space left")))
    with pytest.raises(CouldNotRun):
        apply_fixes([finding(path, 1, 1, "await ")])
    assert [*tmp_path.iterdir()] == [path]


def test_a_read_only_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.py"
    path.write_text("name()\n", "utf-8")
    path.chmod(0o444)
    if os.access(path, os.W_OK):
        pytest.skip("this user may write to read-only files")
    with pytest.raises(CouldNotRun):
        apply_fixes([finding(path, 1, 1, "await ")])


def test_a_link_to_a_file_stays_a_link(tmp_path: Path) -> None:
    path, link = tmp_path / "a.py", tmp_path / "b.py"
    path.write_text("name()\n", "utf-8")
    link.symlink_to(path)
    assert apply_fixes([finding(link, 1, 1, "await ")]) == 1
    assert link.is_symlink()
    assert path.read_text("utf-8") == "await name()\n"
