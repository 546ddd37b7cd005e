"""If a program of PostgreSQL prints no version, the error names the program."""

from pathlib import Path

import pytest

from orm_async_tests.errors import CouldNotRun
from orm_async_tests.postgres import binaries, pooler


def write_program(path: Path, text: str, mode: int = 0o755) -> None:
    """Write a script that replaces a program of PostgreSQL."""
    path.write_text(text)
    path.chmod(mode)


@pytest.mark.parametrize(
    ("text", "mode"),
    [
        ("#!/bin/sh\necho nonsense\n", 0o755),
        ("#!/bin/sh\n", 0o755),
        ("#!/bin/sh\necho 'postgres (PostgreSQL) 18.4'; exit 1\n", 0o755),
        ("#!/bin/sh\nprintf '\\377\\376'\n", 0o755),
        ("#!/no/such/interpreter\n", 0o755),
        ("not a program", 0o755),
        ("#!/bin/sh\necho 'postgres (PostgreSQL) 18.4'\n", 0o644),
    ],
)
def test_a_program_without_a_version_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, mode: int
) -> None:
    for name in ("postgres", "initdb", "pgbouncer"):
        write_program(tmp_path / name, text, mode)
    monkeypatch.setenv(binaries.BINARIES_VARIABLE, str(tmp_path))
    monkeypatch.setenv(pooler.PGBOUNCER_VARIABLE, str(tmp_path / "pgbouncer"))

    with pytest.raises(CouldNotRun) as of_postgres:
        binaries.find().version()
    with pytest.raises(CouldNotRun) as of_pgbouncer:
        pooler.version()

    assert of_postgres.value.where == str(tmp_path / "postgres")
    assert binaries.BINARIES_VARIABLE in of_postgres.value.remedy
    assert pooler.PGBOUNCER_VARIABLE in of_pgbouncer.value.remedy


@pytest.mark.parametrize("version", ["18.4", "19beta1", "20devel"])
def test_the_version_is_what_the_program_prints(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: str
) -> None:
    for name in ("postgres", "initdb"):
        write_program(
            tmp_path / name, f"#!/bin/sh\necho 'postgres (PostgreSQL) {version} (Debian)'"
        )
    monkeypatch.setenv(binaries.BINARIES_VARIABLE, str(tmp_path))
    assert binaries.find().version() == version
