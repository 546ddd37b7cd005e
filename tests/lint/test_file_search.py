"""The checker checks the files that Git would list."""

import shutil
import subprocess
from pathlib import Path

import pytest

from orm_async_tests.lint.file_search import find_files

NAMES = ["a.py", "b.py", "out/a.py", "out/deep/c.py", "src/out/a.py", "src/a b.py", "src/x1.py"]
IGNORED = [
    "a.py",
    "/a.py",
    "out",
    "out/",
    "/out/",
    "src/*.py",
    "*/a.py",
    "**/a.py",
    "out/**",
    "src/**/a.py",
    "x?.py",
    "x[0-9].py",
    "x[!0-9].py",
    "*.py\n!b.py",
    "out/*\n!out/deep",
    "# a.py\n\n  \nb.py   ",
    r"src/a\ b.py",
    r"\a.py",
    "*",
    "nothing.py/",
    "out/deep/",
    "[.py",
]


def test_a_file_with_two_names_is_listed_once(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder/a.py").touch()
    (tmp_path / "link.py").symlink_to("folder/a.py")
    assert find_files([tmp_path], tmp_path) == [tmp_path / "folder/a.py"]
    other = tmp_path / "folder/../folder/a.py"
    assert find_files([other, tmp_path], tmp_path) == [other]


@pytest.mark.parametrize("ignored", IGNORED)
def test_the_same_files_are_ignored_as_by_git(tmp_path: Path, ignored: str) -> None:
    if not shutil.which("git"):
        pytest.skip("there is no git to compare with")
    for name in NAMES:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    subprocess.run(["git", "init", "-q", tmp_path], check=True)
    (tmp_path / ".gitignore").write_text(ignored, "utf-8")
    (tmp_path / "src/.gitignore").write_text("!x1.py\n", "utf-8")
    listed = subprocess.run(
        ["git", "-C", tmp_path, "ls-files", "-o", "--exclude-standard", "-z", "*.py"],
        check=True,
        capture_output=True,
        text=True,
    )
    expected = sorted(filter(None, listed.stdout.split("\0")))
    is_named = ignored != "*"  # a folder that is named is searched although it is ignored
    for folder in (tmp_path, tmp_path / "src")[: 1 + is_named]:
        files = [path.relative_to(tmp_path).as_posix() for path in find_files([folder], tmp_path)]
        inside = "" if folder == tmp_path else "src/"
        assert sorted(files) == [name for name in expected if name.startswith(inside)]
