"""What the checker reads in a project's dependencies."""

from pathlib import Path

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
