"""`audit` reads files that pin versions in the same way as their tools."""

import os
from pathlib import Path

import pytest

from orm_async_tests.errors import CouldNotRun
from orm_async_tests.versions import pins
from tests.versions.audit_calls import BASE, write

BOTH = {"sqlalchemy": "2.0.40", "asyncpg": "0.30.0"}
ONLY_SQLALCHEMY = {"sqlalchemy": "2.0.40"}
ONLY_ASYNCPG = {"asyncpg": "0.30.0"}
WHEEL = "SQLAlchemy-2.0.40-py3-none-any.whl"
ARCHIVES = "https://index.example/packages"
EDITABLE = "-e git+https://git.example/sqlalchemy.git@rel_2_0_40#egg=sqlalchemy"


@pytest.mark.parametrize(
    ("text", "versions", "unknown"),
    [
        ("SQLAlchemy===2.0.40\n", ONLY_SQLALCHEMY, set()),
        ("sqlalchemy (==2.0.40)\n", ONLY_SQLALCHEMY, set()),
        ("sqlalchemy==2.0.40,!=2.0.41  # pinned\n", ONLY_SQLALCHEMY, set()),
        ("sqlalchemy==2.0.40;python_version>'3'\r\n", ONLY_SQLALCHEMY, set()),
        (
            "sqlalchemy==2.0.40 \\\n    --hash=sha256:00 \\\n    --hash=sha256:01\n",
            ONLY_SQLALCHEMY,
            set(),
        ),
        ("sqlalchemy-utils==1.0\nsqlalchemy==2.0.40\n", ONLY_SQLALCHEMY, set()),
        ("\ufeffsqlalchemy==2.0.40\n", ONLY_SQLALCHEMY, set()),
        (f"./wheels/{WHEEL}\nasyncpg==0.30.0\n", BOTH, set()),
        (f"sqlalchemy @ {ARCHIVES}/{WHEEL}\nasyncpg==0.30.0\n", BOTH, set()),
        (f"sqlalchemy @ {ARCHIVES}/sqlalchemy-2.0.40.tar.gz\n", ONLY_SQLALCHEMY, set()),
        (
            f"file:///SQLAlchemy-2.0.40.tar.gz\n{ARCHIVES}/asyncpg-0.30.0.zip#sha256=0\n",
            BOTH,
            set(),
        ),
        (
            "--only-final :all:\n--all-releases=flask\n--no-require-hashes\n"
            'flask==3 -C a=b\nsqlalchemy==2.0.40 --config-settings="--option=a b" --hash=md5:00\n',
            ONLY_SQLALCHEMY,
            set(),
        ),
        (f"{EDITABLE}\nasyncpg==0.30.0\n", ONLY_ASYNCPG, {"sqlalchemy"}),
        ("git+https://git.example/sqlalchemy.git\nasyncpg==0.30.0\n", ONLY_ASYNCPG, {"sqlalchemy"}),
        (
            "./local\n--index-url https://index.example\n-e .\nsqlalchemy==2.0.40\n",
            ONLY_SQLALCHEMY,
            set(),
        ),
        ("sqlalchemy[postgresql_asyncpg]==2.0.40\n", ONLY_SQLALCHEMY, {"asyncpg"}),
        ("sqlalchemy[postgresql-psycopgbinary]==2.0.40\n", ONLY_SQLALCHEMY, {"psycopg"}),
        ("sqlalchemy[postgresql-asyncpg]==2.0.40\nasyncpg==0.30.0\n", BOTH, set()),
        ("-c base.txt\nsqlalchemy\nasyncpg\n", BOTH, set()),
        ("-r base.txt\nsqlalchemy[asyncio]\n", BOTH, set()),
        ('-r "base.txt"\n', BOTH, set()),
        ("-rbase.txt\n", BOTH, set()),
        ("--requirement=base.txt\n--constraint base.txt\n", BOTH, set()),
        ("-r requirements.txt\nsqlalchemy==2.0.40\n", ONLY_SQLALCHEMY, set()),
        (
            "sqlalchemy==2.0.40; python_version<'3.13'\nsqlalchemy; python_version>='3.13'\n",
            ONLY_SQLALCHEMY,
            {"sqlalchemy"},
        ),
    ],
)
def test_a_requirement_is_read_as_pip_reads_it(
    tmp_path: Path, text: str, versions: dict[str, str], unknown: set[str]
) -> None:
    write(tmp_path, "base.txt", BASE)
    read = pins.read_pins(write(tmp_path, "requirements.txt", text))
    assert {pin.library: pin.version for pin in read if pin.version} == versions
    assert pins.find_unknown(read).keys() == unknown


def test_a_variable_with_a_value_is_expanded_but_not_printed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PINNED_1", "2.0.40")
    monkeypatch.delenv("UNSET", raising=False)
    write(tmp_path, "2.0.40.txt", "asyncpg==0.30.0\n")
    text = "-r ${PINNED_1}.txt\nsqlalchemy==${PINNED_1}\ngreenlet>${PINNED_1}\n"
    path = write(tmp_path, "requirements.txt", text)
    read = {pin.library: pin for pin in pins.read_pins(path)}
    assert {name: pin.version for name, pin in read.items() if pin.version} == BOTH
    assert (read["greenlet"].line, read["greenlet"].text) == (3, "greenlet>${PINNED_1}")
    for name in ("UNSET", "pinned_1"):
        with pytest.raises(CouldNotRun, match=r"sqlalchemy==\$\{" + name):
            pins.read_pins(write(tmp_path, "other.txt", f"sqlalchemy==${{{name}}}\n"))


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le"])
def test_requirements_are_read_in_each_encoding_that_has_a_byte_order_mark(
    tmp_path: Path, encoding: str
) -> None:
    path = tmp_path / "requirements.txt"
    mark = "\ufeff" if encoding == "utf-16-le" else ""
    path.write_bytes((mark + BASE).encode(encoding))
    assert {pin.library: pin.version for pin in pins.read_pins(path)} == BOTH


def test_an_environment_without_sqlalchemy_has_no_line_that_could_name_it(tmp_path: Path) -> None:
    assert pins.find_unknown([pins.Pin("python", "3.12.1")])["sqlalchemy"] == "it is not installed"
    read = pins.read_pins(write(tmp_path, "requirements.txt", "asyncpg==0.30.0\n"))
    assert pins.find_unknown(read)["sqlalchemy"] == "no line names sqlalchemy"


def test_a_pipfile_lock_may_have_categories(tmp_path: Path) -> None:
    package = '{"sqlalchemy": {"version": "==2.0.40"}}'
    text = f'{{"_meta": {{"sources": []}}, "default": {{}}, "web": {package}}}'
    [read] = pins.read_pins(write(tmp_path, "Pipfile.lock", text))
    assert (read.library, read.version) == ("sqlalchemy", "2.0.40")


def test_a_requirements_file_may_be_a_pipe() -> None:
    reader, writer = os.pipe()
    os.write(writer, BASE.encode())
    os.close(writer)
    try:
        read = pins.read_pins(Path(f"/dev/fd/{reader}"))
    finally:
        os.close(reader)
    assert {pin.library: pin.version for pin in read} == BOTH


def test_each_pin_has_the_file_and_the_line_that_it_comes_from(tmp_path: Path) -> None:
    write(tmp_path, "base.txt", "-r top.txt\n# a comment\nSQLAlchemy[asyncio] == 2.1.4  # pinned\n")
    read = pins.read_pins(
        write(tmp_path, "top.txt", "-r base.txt\n\nasyncpg>=0.30\npsycopg==3.*\n")
    )
    places = {pin.library: (pin.version, pin.path and pin.path.name, pin.line) for pin in read}
    assert places == {
        "sqlalchemy": ("2.1.4", "base.txt", 3),
        "asyncpg": ("", "top.txt", 3),
        "psycopg": ("", "top.txt", 4),
    }
