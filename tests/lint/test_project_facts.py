"""The facts that the checker reads from a project's dependencies."""

from pathlib import Path

import pytest

from orm_async_tests.lint.lint_settings import Settings
from orm_async_tests.lint.project_check import check
from orm_async_tests.lint.project_facts import ProjectFacts, read_facts


def test_dependencies_name_the_databases_in_a_fixed_order(tmp_path: Path) -> None:
    (tmp_path / "requirements.txt").write_text("aiosqlite\nasyncpg\npsycopg\nfastapi==0.117.1\n")
    facts = read_facts(tmp_path, "", "")
    assert facts == ProjectFacts(
        ("postgresql", "sqlite"), ("aiosqlite", "asyncpg", "psycopg"), (0, 117, 1)
    )
    assert facts.may_use_postgresql
    assert facts.may_use_asyncpg
    assert facts.exits_before_response


def test_a_range_of_versions_counts_as_its_end(tmp_path: Path) -> None:
    (tmp_path / "requirements.txt").write_text("fastapi>=0.115.0, <0.116\n")
    assert read_facts(tmp_path, "", "").exits_before_response


def test_requirements_may_be_utf_16(tmp_path: Path) -> None:
    (tmp_path / "requirements.txt").write_text("asyncpg\nfastapi==0.110.1\n", "utf-16")
    assert read_facts(tmp_path, "", "") == ProjectFacts(("postgresql",), ("asyncpg",), (0, 110, 1))


def test_the_settings_of_a_type_checker_are_no_dependencies(tmp_path: Path) -> None:
    settings = '[[tool.mypy.overrides]]\nmodule = "asyncpg.*"\n\n[tool.poetry.dependencies]\n'
    (tmp_path / "pyproject.toml").write_text(f'{settings}aiomysql = "^0.2"\n')
    assert read_facts(tmp_path, "", "") == ProjectFacts(("mysql",), ("aiomysql",))


@pytest.mark.parametrize(("driver", "count"), [("asyncpg", 1), ("psycopg", 0), ("", 0)])
def test_a_url_without_driver_needs_psycopg(tmp_path: Path, driver: str, count: int) -> None:
    (tmp_path / "requirements.txt").write_text(f"{driver}\n")
    path = tmp_path / "db.py"
    path.write_text(
        "from sqlalchemy.ext.asyncio import create_async_engine\n"
        "def connect(url: str = 'postgresql://localhost/shop'):\n"
        "    return create_async_engine(url)\n"
    )
    findings = check([path], Settings(root=tmp_path)).findings
    assert [finding.code for finding in findings] == ["OAT402"] * count


def test_settings_take_precedence(tmp_path: Path) -> None:
    (tmp_path / "requirements.txt").write_text("asyncpg\n")
    facts = read_facts(tmp_path, "sqlite+aiosqlite", "0.120")
    assert not facts.may_use_postgresql
    assert not facts.may_use_asyncpg
    assert not facts.exits_before_response


def test_without_dependencies_anything_is_possible(tmp_path: Path) -> None:
    facts = read_facts(tmp_path, "", "")
    assert facts.may_use_postgresql
    assert facts.may_use_asyncpg


def test_constant_urls_of_engines_take_precedence_over_dependencies(tmp_path: Path) -> None:
    (tmp_path / "requirements.txt").write_text("aiosqlite\nasyncpg\npsycopg\n")
    sqlite = '    URL = "sqlite+aiosqlite:///x"\n    engine = create_async_engine(URL)\n'
    psycopg = 'create_async_engine(\n    "postgresql+psycopg://u@h/d",\n)\n'
    assert not read_facts(tmp_path, "", "", [sqlite]).may_use_postgresql
    facts = read_facts(tmp_path, "", "", [sqlite, psycopg])
    assert facts.may_use_postgresql
    assert not facts.may_use_asyncpg
    assert read_facts(tmp_path, "postgresql+asyncpg", "", [sqlite]).may_use_asyncpg


def test_a_constant_names_the_driver_if_nothing_else_does(tmp_path: Path) -> None:
    settings = 'class Settings(BaseSettings):\n    url: str = "postgresql+asyncpg://db/shop"\n'
    assert read_facts(tmp_path, "", "", [settings]) == ProjectFacts(("postgresql",), ("asyncpg",))
    (tmp_path / "requirements.txt").write_text("aiomysql\n")
    assert read_facts(tmp_path, "", "", [settings]) == ProjectFacts(("mysql",), ("aiomysql",))


@pytest.mark.parametrize(
    "unknown",
    [
        "create_async_engine(settings.url)\n",
        "create_async_engine(f'{scheme}://{host}')\n",
        "from sqlalchemy.ext.asyncio import create_async_engine as create\n",
        'URL = "sqlite+aiosqlite://"\nURL = read()\ncreate_async_engine(URL)\n',
    ],
)
def test_one_unknown_url_leaves_the_dependencies(tmp_path: Path, unknown: str) -> None:
    (tmp_path / "requirements.txt").write_text("asyncpg\n")
    sqlite = 'create_async_engine("sqlite+aiosqlite://")\n'
    assert read_facts(tmp_path, "", "", [sqlite, unknown]).may_use_asyncpg


def test_a_synchronous_engine_uses_another_driver_than_asyncpg(tmp_path: Path) -> None:
    (tmp_path / "requirements.txt").write_text("asyncpg\npsycopg2-binary\n")
    synchronous = "engine = create_engine(settings.url)\n"
    asynchronous = "engine = create_async_engine(settings.url)\n"
    assert not read_facts(tmp_path, "", "", [synchronous]).may_use_asyncpg
    assert read_facts(tmp_path, "", "", [synchronous, asynchronous]).may_use_asyncpg
    assert read_facts(tmp_path, "", "").may_use_asyncpg


@pytest.mark.parametrize(("drivers", "count"), [("asyncpg", 1), ("asyncpg\naiosqlite", 0)])
def test_asyncpg_raises_no_operational_error(tmp_path: Path, drivers: str, count: int) -> None:
    (tmp_path / "requirements.txt").write_text(f"{drivers}\n")
    path = tmp_path / "db.py"
    path.write_text(
        "from sqlalchemy.exc import OperationalError\n"
        "from sqlalchemy.ext.asyncio import AsyncSession\n"
        "async def read(session: AsyncSession, first, second):\n"
        "    try:\n"
        "        return await session.scalar(first)\n"
        "    except OperationalError:\n"
        "        return await session.scalar(second)\n"
    )
    findings = check([path], Settings(root=tmp_path)).findings
    assert [finding.code for finding in findings] == ["OAT201"] * count


def test_the_checker_reads_the_engines_in_the_checked_files(tmp_path: Path) -> None:
    path = tmp_path / "app.py"
    source = (Path(__file__).parent / "eval" / "OAT503.py").read_text("utf-8")
    path.write_text(source + 'create_async_engine("postgresql+psycopg://u@h/d")\n', "utf-8")
    assert check([path], Settings(root=tmp_path, select=["OAT503"])).findings == []
    path.write_text(source + 'create_async_engine("postgresql+asyncpg://u@h/d")\n', "utf-8")
    assert check([path], Settings(root=tmp_path, select=["OAT503"])).findings
