"""A failed write keeps the old content of a file."""

import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest.mock import Mock

import pytest

from orm_async_tests.errors import CouldNotRun
from orm_async_tests.output_files import write_file


@contextmanager
def limit_file_size(size: int) -> Iterator[None]:
    """Let longer writes fail, as if the disk were full."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


def test_a_file_keeps_its_content_if_the_new_text_does_not_fit(tmp_path: Path) -> None:
    path = tmp_path / "baseline.json"
    path.write_text("old", "utf-8")
    with limit_file_size(10), pytest.raises(CouldNotRun, match="the file cannot be written"):
        write_file(path, "new" * 10, "--output")
    assert path.read_text("utf-8") == "old"
    assert [*tmp_path.iterdir()] == [path]


@pytest.mark.parametrize("error", [PermissionError(13, "denied"), OSError(16, "busy")])
def test_a_file_that_cannot_be_replaced_is_overwritten(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: OSError
) -> None:
    path = tmp_path / "baseline.json"
    path.write_text("old", "utf-8")
    monkeypatch.setattr(Path, "replace", Mock(side_effect=error))
    write_file(path, "new", "--output")
    assert path.read_text("utf-8") == "new"
    assert [*tmp_path.iterdir()] == [path]


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    path, link = tmp_path / "baseline.json", tmp_path / "link.json"
    path.write_text("old", "utf-8")
    link.symlink_to(path)
    write_file(link, "new", "--output")
    assert link.is_symlink()
    assert path.read_text("utf-8") == "new"


def test_an_open_file_or_a_pipe_gets_the_text(tmp_path: Path) -> None:
    with (tmp_path / "redirected").open("w+") as file:
        write_file(Path(f"/dev/fd/{file.fileno()}"), "new", "--output")
        assert file.read() == "new"
    reader, writer = os.pipe()
    write_file(Path(f"/dev/fd/{writer}"), "new", "--output")
    assert os.read(reader, 10) == b"new"
    os.close(reader)
    os.close(writer)
