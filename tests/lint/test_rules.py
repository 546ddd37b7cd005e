"""The rules report the expected findings in the evaluation files and in the scripts."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

from orm_async_tests import catalogue
from orm_async_tests.lint.finding import Finding
from orm_async_tests.lint.lint_settings import Settings
from orm_async_tests.lint.project_check import check
from orm_async_tests.lint.rule_pages import render_page
from orm_async_tests.lint.rules import RULES
from orm_async_tests.script_code import find_variants, list_lines
from tests.lint.lint_project import write

ROOT = Path(__file__).parents[2]
IMPORTS = (ast.Import, ast.ImportFrom)
EVALUATION = Path(__file__).parent / "eval"
EXPECTED = re.compile(r"# (OAT\d\d\d)$")
POSTGRESQL = Settings(root=EVALUATION, dialect="postgresql+asyncpg")
PASSED_IN = {"OAT102"}  # the script gets its shared session as an argument
PATHS = {script.number: script.path for script in catalogue.read_scripts()}


@cache
def findings_in_the_project() -> list[Finding]:
    """Return the findings in the package, which contains all scripts."""
    report = check(sorted((ROOT / "src").rglob("*.py")), Settings(root=ROOT))
    assert report.unread == []
    return report.findings


def variants(path: Path, kind: str) -> dict[str, range]:
    """Return the lines of a script's functions that are marked as wrong or right."""
    return {
        variant.node.name: list_lines(variant.node)
        for variant in find_variants(ast.parse(path.read_text("utf-8")))
        if variant.kind == kind
    }


def lines_of(finding: Finding) -> set[int]:
    """Return the numbers of the two lines that a finding names."""
    places = [finding.location, finding.related]
    return {place.line for place in places if place}


@pytest.mark.parametrize("path", sorted(EVALUATION.glob("OAT*.py")), ids=lambda path: path.stem)
def test_a_rule_reports_the_marked_lines_only(path: Path) -> None:
    lines = path.read_text("utf-8").splitlines()
    expected = [
        (match.group(1), number)
        for number, line in enumerate(lines, 1)
        if (match := EXPECTED.search(line))
    ]
    report = check([path], POSTGRESQL)

    assert [(finding.code, finding.location.line) for finding in report.findings] == expected
    assert path.stem.partition("_")[0] in {name for name, _ in expected}


def test_every_rule_has_an_evaluation_file() -> None:
    assert {path.stem for path in EVALUATION.glob("OAT???.py")} == set(RULES)


def test_the_sessions_of_the_evaluation_files_are_right() -> None:
    assert check([EVALUATION / "shop_sessions.py"], POSTGRESQL).findings == []


@pytest.mark.parametrize("code", RULES)
def test_a_rule_describes_itself(code: str) -> None:
    rule = RULES[code]
    assert rule.code == code
    assert re.fullmatch(r"[a-z]+(-[a-z]+)*", rule.name)
    assert re.fullmatch(r"[^\n]+\.", rule.summary)
    assert re.fullmatch(r"(- [^\n]+\.(\n|$))*", rule.exceptions)
    assert rule.scripts
    assert set(rule.scripts) <= set(PATHS)


@pytest.mark.parametrize("code", sorted(RULES.keys() - PASSED_IN))
def test_a_rule_reports_the_wrong_variants_of_its_scripts(code: str) -> None:
    for number in RULES[code].scripts:
        path = PATHS[number]
        reported = {
            line
            for finding in findings_in_the_project()
            if finding.code == code and finding.location.path == str(path)
            for line in lines_of(finding)
        }
        in_a_variant = {line for lines in variants(path, "wrong").values() for line in lines}
        missed = {
            name: path.name
            for name, lines in variants(path, "wrong").items()
            if not reported & set(lines) and not reported - in_a_variant
        }
        assert missed == {}


@pytest.mark.parametrize("code", RULES)
def test_the_page_of_a_rule_shows_the_mistake_in_its_wrong_code_only(code: str) -> None:
    paths = [PATHS[number] for number in RULES[code].scripts]
    statements = [node for path in paths for node in ast.parse(path.read_text("utf-8")).body]
    imports = [ast.unparse(node) for node in statements if isinstance(node, IMPORTS)]
    _, wrong, right, *_ = re.split("^## ", render_page(RULES[code]), flags=re.MULTILINE)
    for section, is_wrong in ((wrong, True), (right, False)):
        for block in re.findall(r"```python\n(.*?)```", section, re.DOTALL):
            text = "\n".join([*imports, block])
            report = check([paths[0]], Settings(root=ROOT, texts={paths[0]: text}))
            assert (code in {finding.code for finding in report.findings}) == is_wrong


def test_no_rule_reports_a_right_variant_or_the_package() -> None:
    surplus = []
    for finding in findings_in_the_project():
        path = Path(finding.location.path)
        if path not in PATHS.values():
            surplus.append(finding)
            continue
        right = {line for lines in variants(path, "right").values() for line in lines}
        surplus += [finding] if finding.location.line in right else []
    assert surplus == []


def lines_with(code: str, root: Path, source: str, requirements: str) -> list[int]:
    """Return the lines that a rule reports in a project with one module."""
    (root / "requirements.txt").write_text(requirements)
    path = write(root / "module.py", source)
    findings = check([path], Settings(root=root)).findings
    return [finding.location.line for finding in findings if finding.code == code]


SWALLOWED = """\
from sqlalchemy.ext.asyncio import AsyncSession

async def store(session: AsyncSession, statement):
    try:
        await session.execute(statement)
    except Exception:
        print("failed")
    await session.commit()

async def flush(session: AsyncSession, statement):
    try:
        await session.flush()
    except Exception:
        print("failed")
    await session.commit()

async def insert(session: AsyncSession, statement, audit: AsyncSession):
    try:
        await session.execute(statement)
        await audit.flush()
        await session.commit()
    except Exception:
        print("failed")
    await session.execute(statement)
"""


def test_on_sqlite_only_a_failed_flush_breaks_the_session(tmp_path: Path) -> None:
    assert lines_with("OAT201", tmp_path, SWALLOWED, "aiosqlite") == [12, 21]
    assert lines_with("OAT201", tmp_path, SWALLOWED, "asyncpg") == [5, 12, 19]
    pragma = f"{SWALLOWED}\nSIZE = 'PRAGMA page_count'\n"
    assert lines_with("OAT201", tmp_path, pragma, "asyncpg") == [12, 21]


def test_on_sql_server_a_failed_statement_leaves_the_transaction_usable(tmp_path: Path) -> None:
    assert lines_with("OAT201", tmp_path, SWALLOWED, "aioodbc\npyodbc") == [12, 21]


TRIGGER = """\
from sqlalchemy import DDL, event
from models import table

event.listen(table, "after_create", DDL("DROP TRIGGER a ON b; CREATE TRIGGER a AFTER INSERT ON b"))
"""


def test_a_synchronous_engine_may_execute_two_commands(tmp_path: Path) -> None:
    assert lines_with("OAT503", tmp_path, TRIGGER, "asyncpg") == [4]
    assert lines_with("OAT503", tmp_path, TRIGGER, "asyncpg\npsycopg2-binary") == []


AWARE = """\
from datetime import UTC, datetime
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

class Base(DeclarativeBase):
    pass

class Row(Base):
    __tablename__ = "row"
    id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime]

def store(session):
    session.add(Row(at=datetime.now(UTC)))
    session.rollback()

async def store_later(session: AsyncSession):
    session.add(Row(at=datetime.now(UTC)))
"""


def test_a_synchronous_session_may_store_an_aware_datetime(tmp_path: Path) -> None:
    assert lines_with("OAT603", tmp_path, AWARE, "asyncpg") == [14, 18]
    assert lines_with("OAT603", tmp_path, AWARE, "asyncpg\npsycopg2-binary") == [18]


NOTE = """\
from datetime import UTC, datetime
from sqlalchemy import Column, DateTime, Integer
from sqlalchemy.orm import Session, declarative_base

class Note(declarative_base()):
    __tablename__ = "note"
    id = Column(Integer, primary_key=True)
    at = Column(DateTime, default=lambda: datetime.now(UTC))

def store(session: Session):
    session.add(Note())
"""


def test_a_synchronous_session_may_compute_an_aware_default(tmp_path: Path) -> None:
    assert lines_with("OAT603", tmp_path, NOTE, "asyncpg") == [8]
    assert lines_with("OAT603", tmp_path, NOTE, "asyncpg\npsycopg2-binary") == []
    renamed = NOTE.replace("Session,", "Session as Store,").replace(": Session", ": Store")
    assert lines_with("OAT603", tmp_path, renamed, "asyncpg\npsycopg2-binary") == []
    other = NOTE.replace("Session, ", "").replace("import UTC", "import UTC, date as Session")
    assert lines_with("OAT603", tmp_path, other, "asyncpg\npsycopg2-binary") == [8]
    note = NOTE.replace("session: Session", "session: AsyncSession")
    note = f"from sqlalchemy.ext.asyncio import AsyncSession\n{note}"
    assert lines_with("OAT603", tmp_path, note, "asyncpg\npsycopg2-binary") == [9]


HUT = """\
from datetime import UTC, datetime
from sqlmodel import Field, SQLModel

class Hut(SQLModel, table=True):
    id: int = Field(primary_key=True)
    opened: datetime = Field(default_factory=lambda: datetime.now(UTC))
"""


@pytest.mark.parametrize(
    ("requirement", "lines"), [("==0.0.44", [6]), ("==0.0.45", []), (">=0.0.8", [])]
)
def test_a_datetime_of_a_newer_sqlmodel_has_a_time_zone(
    tmp_path: Path, requirement: str, lines: list[int]
) -> None:
    requirements = f"asyncpg\nsqlmodel{requirement}"
    assert lines_with("OAT603", tmp_path, HUT, requirements) == lines


def test_the_remedy_calls_a_method_of_the_value(tmp_path: Path) -> None:
    text = (
        "from datetime import datetime\nfrom sqlalchemy import Column, Date\n"
        "day = Column(Date, default=datetime.now().date)\n"
    )
    path = write(tmp_path / "models.py", text)
    [finding] = check([path], Settings(root=tmp_path)).findings
    assert "default=lambda: datetime.now().date()." in finding.remedy


def test_a_helper_needs_no_import_of_sqlalchemy(tmp_path: Path) -> None:
    caller = "from sqlalchemy.ext.asyncio import AsyncSession\nfrom helpers import store\n"
    caller += "async def run(session: AsyncSession):\n    store(session, 1)\n"
    helper = write(tmp_path / "helpers.py", "def store(db, row):\n    db.flush()\n")
    findings = check(
        [helper, write(tmp_path / "caller.py", caller)], Settings(root=tmp_path)
    ).findings
    assert [(finding.code, finding.location.path) for finding in findings] == [
        ("OAT103", str(helper))
    ]


def test_the_checker_follows_long_chains_of_calls(tmp_path: Path) -> None:
    lines = ["from sqlalchemy.ext.asyncio import AsyncSession"]
    for number in range(120):
        lines.append(f"async def call_{number}(session: AsyncSession):")
        lines += ["    " * depth + "if number:" for depth in range(1, 19)]
        lines.append("    " * 19 + f"await call_{number + 1}(session)")
    lines += ["async def call_120(session: AsyncSession):", "    await session.commit()"]
    path = tmp_path / "chain.py"
    path.write_text("\n".join(lines))

    assert check([path], Settings(root=tmp_path)).unread == []


OPEN = "from sqlalchemy.ext.asyncio import AsyncSession\ndef open() -> AsyncSession: ...\n"


@pytest.mark.parametrize(
    ("distribution", "package"), [("storage", "src/store"), ("libraries/storage", "store")]
)
def test_a_distribution_may_import_another_one(
    tmp_path: Path, distribution: str, package: str
) -> None:
    write(tmp_path / distribution / "pyproject.toml", "")
    write(tmp_path / distribution / package / "__init__.py", OPEN)
    path = write(tmp_path / "services/api/caller.py", "import store\n\nstore.open().commit()\n")
    findings = check([path], Settings(root=tmp_path)).findings
    assert [finding.location.line for finding in findings] == [3]


def test_a_program_may_start_in_a_package(tmp_path: Path) -> None:
    write(tmp_path / "backend/__init__.py", "")
    write(tmp_path / "backend/app/store.py", OPEN)
    path = write(
        tmp_path / "backend/app/caller.py", "import app.store\n\napp.store.open().commit()\n"
    )
    findings = check([path], Settings(root=tmp_path)).findings
    assert [finding.location.line for finding in findings] == [3]


def test_a_package_hides_a_module_of_the_same_name(tmp_path: Path) -> None:
    write(tmp_path / "store.py", "def open() -> list[int]: ...\n")
    write(tmp_path / "store/__init__.py", OPEN)
    path = write(tmp_path / "caller.py", "import store\n\nstore.open().commit()\n")
    findings = check([path], Settings(root=tmp_path)).findings
    assert [finding.location.line for finding in findings] == [3]
