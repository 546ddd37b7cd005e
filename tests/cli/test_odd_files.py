"""Every command that reads a file refuses an invalid file, and changes nothing."""

import json
from pathlib import Path
from typing import Any

import pytest

from orm_async_tests.errors import CouldNotRun
from orm_async_tests.matrix import records
from orm_async_tests.pytest_plugin.findings import read_baseline
from tests.cli.commands import orm
from tests.matrix.sample_records import make_records, write_records

HEADER, STACK, RESULT, FOOTER = make_records({5: "HOLDS"})
DEFECT = {"description": "it fails", "versions": {"sqlalchemy": "<2"}, "link": "https://x.example"}


def lines(*items: Any) -> bytes:
    """Return values as lines of JSON."""
    return b"".join(json.dumps(item).encode() + b"\n" for item in items)


def changed(record: records.Record, **fields: Any) -> bytes:
    """Return the lines of a run in which some fields of one record are different."""
    run = (HEADER, STACK, RESULT, FOOTER)
    return lines(*({**record, **fields} if item is record else item for item in run))


RESULT_FILES = {
    "empty": b"",
    "one empty line": b"\n",
    "no line end": lines(HEADER)[:-1],
    "text": b"these are not results\n",
    "binary": bytes(range(256)) + b"\n",
    "NUL": b"\0\n",
    "a byte order mark": b"\xef\xbb\xbf" + lines(HEADER),
    "UTF-16": lines(HEADER).decode().encode("utf-16"),
    "not UTF-8": b'{"record": "header", "x": "\xff"}\n',
    "a deep list": b"[" * 100_000 + b"\n",
    "a long number": b"9" * 10_000 + b"\n",
    "XML": b"<?xml version='1.0'?>\n<testsuites/>\n",
    "a string": lines("header"),
    "a number": lines(1),
    "null": lines(None),
    "a list": lines([HEADER]),
    "an object": lines({}),
    "a record without a kind": lines({"schema": records.SCHEMA}),
    "an unknown record": lines({**HEADER, "record": "page"}),
    "a record whose kind is a list": lines({**HEADER, "record": ["header"]}),
    "no header": lines(STACK, RESULT, FOOTER),
    "a footer alone": lines(FOOTER),
    "two headers": lines(HEADER, HEADER, STACK, RESULT, FOOTER),
    "an older schema": changed(HEADER, schema=1),
    "a newer schema": changed(HEADER, schema=99),
    "no schema": lines({name: HEADER[name] for name in HEADER if name != "schema"}),
    "a schema in words": changed(HEADER, schema="two"),
    "no stacks": changed(HEADER, stacks=None),
    "stacks as a list": changed(HEADER, stacks=["one"]),
    "no scripts": changed(HEADER, scripts=None),
    "scripts in words": changed(HEADER, scripts=["five"]),
    "no whole": changed(HEADER, whole=None),
    "a stack of another run": changed(STACK, stack="two"),
    "a stack without a name": changed(STACK, stack=None),
    "no identity": changed(STACK, identity=None),
    "an empty identity": changed(STACK, identity={}),
    "an identity without a driver": changed(STACK, identity={"python": "3.11"}),
    "a result of another run": changed(RESULT, stack="two"),
    "a result without a number": changed(RESULT, number=None),
    "a number in words": changed(RESULT, number="five"),
    "no verdict": changed(RESULT, verdict=None),
    "an unknown verdict": changed(RESULT, verdict="PERHAPS"),
    "no reason": changed(RESULT, reason=None),
    "seconds in words": changed(RESULT, seconds="one"),
    "failed as a string": changed(RESULT, failed="no"),
    "defects as a string": changed(RESULT, defects="no"),
    "a defect in words": changed(RESULT, defects=["no"]),
    "a defect without versions": changed(RESULT, defects=[{**DEFECT, "versions": None}]),
    "a defect without a link": changed(RESULT, defects=[{**DEFECT, "link": None}]),
    "a footer in words": changed(FOOTER, results="one"),
}
LOCKS = {
    "poetry.lock": b"[[package\n",
    "uv.lock": b"\0\n",
    "pdm.lock": b"these are not packages\n",
    "pylock.toml": b"lock-version = \n",
    "Pipfile.lock": b"{\n",
    "requirements.txt": b"sqlalchemy==\n",
    "setup.cfg": b"[metadata]\n",
    "poetry.lock.json": b"{}\n",
    "LICENSE": b"Permission is hereby granted\n",
}
PATTERNS = {
    "no_module": b"",
    "import_error": b"import a_module_that_does_not_exist\n",
    "no_function": b"WORK = 1\n",
    "syntax_error": b"async def work(engine:\n",
    "division": b"WORK = 1 / 0\n",
    "number": b"work = 1\n",
    "synchronous": b"def work(engine):\n    pass\n",
    "raises": b"async def work(engine):\n    raise ValueError('wrong')\n",
    "idle": b"async def work(engine):\n    pass\n",
}
BASELINES = {
    "empty": b"",
    "text": b"these are not findings",
    "not UTF-8": b"\xff",
    "null": b"null",
    "a list": b"[]",
    "a test without kinds": b'{"test_a": null}',
    "a test with a number": b'{"test_a": 1}',
    "a deep list": b"[" * 100_000,
}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder for the invalid files, which commands must not change."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def refuse(folder: Path, *arguments: str) -> None:
    """Assert that a command prints an error of three parts and changes no file."""
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    done = orm(*arguments, env={"ORM_ASYNC_HOME": str(folder / "home")})
    assert (done.returncode, done.stdout) == (2, ""), done.stderr
    [problem, where, remedy] = done.stderr.splitlines()[-3:]
    assert problem
    assert where.startswith("  where: ")
    assert remedy.startswith("  fix:   ")
    assert "Traceback" not in done.stderr
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize("name", RESULT_FILES)
def test_a_file_that_is_not_a_result_of_a_matrix_is_refused(name: str, folder: Path) -> None:
    (folder / "odd").write_bytes(RESULT_FILES[name])
    good = write_records(folder / "good", make_records({5: "HOLDS"}, stack="other"))
    refuse(folder, "diff", "odd", good)
    refuse(folder, "diff", good, "odd")
    refuse(folder, "merge", good, "odd", "--output", "merged")


@pytest.mark.parametrize("path", ["nowhere", ".", "nowhere/at/all", "/proc/self/mem", "x" * 300])
def test_a_path_that_cannot_be_read_is_refused(path: str, folder: Path) -> None:
    refuse(folder, "diff", path, path)
    refuse(folder, "merge", path, "--output", "merged")
    refuse(folder, "audit", path)


@pytest.mark.parametrize("path", [".", "nowhere/merged", "good/merged", "x" * 300])
@pytest.mark.parametrize("option", ["--output", "--markdown", "--junit"])
def test_a_path_that_cannot_be_written_is_refused(option: str, path: str, folder: Path) -> None:
    good = write_records(folder / "good", make_records({5: "HOLDS"}))
    options = {"--output": "merged", option: path}
    refuse(folder, "merge", good, *(word for pair in options.items() for word in pair))


@pytest.mark.parametrize("name", LOCKS)
def test_a_file_that_is_not_a_lock_is_refused(name: str, folder: Path) -> None:
    (folder / name).write_bytes(LOCKS[name])
    refuse(folder, "audit", name)


@pytest.mark.parametrize("name", PATTERNS)
def test_a_function_that_cannot_be_swept_is_refused(
    name: str, folder: Path, database: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    if name != "no_module":
        (folder / f"odd_{name}.py").write_bytes(PATTERNS[name])
    monkeypatch.setattr("sys.dont_write_bytecode", True)
    monkeypatch.setenv("DATABASE_URL", database.url.render_as_string(hide_password=False))
    refuse(folder, "faults", "--pattern", f"odd_{name}:work", "--fault", "cancel")


@pytest.mark.parametrize("name", BASELINES)
def test_a_file_that_is_not_a_baseline_of_the_plugin_is_refused(name: str, folder: Path) -> None:
    path = folder / "baseline.json"
    path.write_bytes(BASELINES[name])
    with pytest.raises(CouldNotRun):
        read_baseline(path)
    with pytest.raises(CouldNotRun):
        read_baseline(folder / "nowhere")
    assert path.read_bytes() == BASELINES[name]
