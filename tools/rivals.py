"""Write docs/rivals.md: what three tools find that cancel at every await, on the same patterns.

python tools/rivals.py    takes a quarter of an hour, and as long again for a tool that hangs; each
                          stack's environment is made by pip once, and kept; the server is its own
"""

import asyncio
import json
import os
import platform
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from orm_async_tests import db
from orm_async_tests.errors import CouldNotRun, exit_code
from orm_async_tests.faults.patterns import PATTERNS
from orm_async_tests.postgres import private_server
from orm_async_tests.postgres.paths import home
from orm_async_tests.versions.releases import last_line

SWEEPS = Path(__file__).with_name("rival_sweeps.py")
SOURCES = Path(__file__).parent.parent / "src"
DOCUMENT = SOURCES.parent / "docs/rivals.md"
TOOLS = {"sqlalchemy": "SQLAlchemy's", "cancellens": "cancellens", "ours": "ours"}
CANCELLENS = "0.1.0"
BESIDE = ("alembic", "greenlet", "packaging", "platformdirs", "rich")  # what our sweep imports
TWICE = "twice: "  # broken by a second cancel
LONGEST = 900  # seconds for one tool on one stack: a sweep may hang
CANCELLATION = "sqlalchemy/testing/cancellation.py"
Swept = dict[str, dict[str, Any]]  # by pattern
Found = Mapping["Stack", Mapping[str, Swept]]  # by tool
BEGIN, END = "<!-- found: written by tools/rivals.py -->\n", "<!-- /found -->\n"


@dataclass(frozen=True)
class Stack:
    """Versions of the libraries, and the driver that is swept."""

    driver: str = "asyncpg"
    sqlalchemy: str = field(default_factory=lambda: version("sqlalchemy"))
    asyncpg: str = field(default_factory=lambda: version("asyncpg"))
    psycopg: str = field(default_factory=lambda: version("psycopg"))

    def __str__(self) -> str:
        return f"SQLAlchemy {self.sqlalchemy}, {self.driver} {getattr(self, self.driver)}"

    @property
    def pins(self) -> list[str]:
        """What is installed for it."""
        return [
            f"sqlalchemy[asyncio]=={self.sqlalchemy}",
            f"asyncpg=={self.asyncpg}",
            f"psycopg[binary]=={self.psycopg}",
            f"cancellens=={CANCELLENS}",
            *(f"{name}=={version(name)}" for name in BESIDE),
        ]


def stacks() -> list[Stack]:
    """The locked versions with each driver, and older ones with defects."""
    return [
        Stack(),
        Stack(driver="psycopg"),
        Stack(sqlalchemy="2.1.5"),
        Stack(sqlalchemy="2.1.2"),
        Stack(sqlalchemy="2.0.36"),
        Stack(asyncpg="0.31.0"),
    ]


def environment(stack: Stack) -> Path:
    """The interpreter of a virtual environment with a stack's versions, made once and kept."""
    name = f"rivals-{stack.sqlalchemy}-{stack.asyncpg}-{stack.psycopg}"
    folder = home() / "environments" / name
    python = folder / "bin/python"
    if (folder / "complete").exists():
        return python
    shutil.rmtree(folder, ignore_errors=True)
    folder.parent.mkdir(parents=True, exist_ok=True)
    quiet = ("--quiet", "--disable-pip-version-check")
    for command in (
        [sys.executable, "-m", "venv", str(folder)],
        [str(python), "-m", "pip", "install", *quiet, *stack.pins],
    ):
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            raise CouldNotRun(last_line(done.stderr), str(stack), "nox -s rivals, with network")
    (folder / "complete").touch()
    return python


def sweep(stack: Stack, tool: str, url: str) -> Swept:
    """What a tool finds on a stack, by pattern; patterns that it did not come to are missing."""
    [newest] = environment(Stack()).parent.parent.glob(f"lib/*/site-packages/{CANCELLATION}")
    more = {"DATABASE_URL": url, "PYTHONPATH": str(SOURCES), "RIVALS_CANCELLATION": str(newest)}
    command = [str(environment(stack)), str(SWEEPS), tool, stack.driver]
    print(f"{stack}: {tool}", file=sys.stderr)
    with subprocess.Popen(
        command,
        env={**os.environ, **more},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            out, err = process.communicate(timeout=LONGEST)
        except subprocess.TimeoutExpired:
            process.kill()
            out, err = process.communicate()
    lines = [json.loads(line) for line in out.splitlines()]
    if not lines:
        what = f"{tool} swept nothing: {last_line(err)}"
        raise CouldNotRun(what, str(stack), "nox -s rivals again")
    return {line.pop("pattern"): line for line in lines}


def document(found: Found, server: str) -> str:
    """What the command writes into the page."""
    parts = [
        f"{datetime.now(UTC):%Y-%m-%d}, Python {platform.python_version()}, PostgreSQL {server}, "
        f"asyncio, cancellens {CANCELLENS}",
        "",
        *totals(found),
        "",
        "## What one found, and another did not",
        "",
        *differences(found),
    ]
    for stack, tools in found.items():
        parts += ["", f"## {stack}", "", *by_pattern(tools), *reasons(tools)]
    return "\n".join(parts) + "\n"


def totals(found: Found) -> Iterator[str]:
    """A row for each stack: points, and the findings among them."""
    yield "| Stack | " + " | ".join(TOOLS.values()) + " |"
    yield "| --- " * (len(TOOLS) + 1) + "|"
    for stack, tools in found.items():
        cells = [shown(list(tools[tool].values())) for tool in TOOLS]
        yield f"| {stack} | {' | '.join(cells)} |"


def shown(swept: Sequence[dict[str, Any]]) -> str:
    """Such as "37 points, 2 findings; twice: 40, none"; why it was not run."""
    ran = [each for each in swept if "failed" not in each]
    if not ran:
        return f"not run: `{swept[0]['failed']}`"
    text = f"{sum(each['points'] for each in ran)} points, {findings(ran, twice=False)}"
    if ran[0]["twice"] is not None:
        twice = sum(each["twice"] for each in ran)
        text += f"; twice: {twice}, {findings(ran, twice=True)}"
    return text


def findings(swept: Sequence[dict[str, Any]], *, twice: bool) -> str:
    """How many points with one cancel, or with two, have something broken."""
    count = sum(bool(one.get("twice")) == twice for each in swept for one in each["found"])
    return f"{count} findings" if count > 1 else "1 finding" if count else "none"


def by_pattern(tools: Mapping[str, Swept]) -> Iterator[str]:
    """A row for each pattern: points, and what was broken at how many of them."""
    yield "| Pattern | " + " | ".join(TOOLS.values()) + " |"
    yield "| --- " * (len(TOOLS) + 1) + "|"
    for name in PATTERNS:
        yield f"| {name} | {' | '.join(cell(tools[tool].get(name)) for tool in TOOLS)} |"


def cell(swept: dict[str, Any] | None) -> str:
    """Such as "16 + 17: twice unusable 3"."""
    if swept is None:
        return "did not end"
    if "failed" in swept:
        return "not run"
    points = str(swept["points"]) + ("" if swept["twice"] is None else f" + {swept['twice']}")
    broken = [f"{name} {count}" for name, count in Counter(broken_in(swept)).items()]
    return f"{points}: {', '.join(broken)}" if broken else points


def broken_in(swept: dict[str, Any] | None) -> list[str]:
    """What was broken, once for each point, such as "twice unusable"."""
    return [
        f"{TWICE}{name}" if one.get("twice") else name
        for one in (swept or {}).get("found", ())
        for name in one["broken"]
    ]


def reasons(tools: Mapping[str, Swept]) -> Iterator[str]:
    """Why a tool did not come to all that it wanted, by its own words."""
    for tool, swept in tools.items():
        said = {name: each["why"] for name, each in swept.items() if each.get("why")}
        for why in dict.fromkeys(said.values()):
            names = ", ".join(name for name, each in said.items() if each == why)
            yield f"\n{TOOLS[tool]} of {names}: {why}."


def differences(found: Found) -> Iterator[str]:
    """For each finding of ours whether a rival has it, and the other variant round."""
    rows = [row for stack, tools in found.items() for row in compared(str(stack), tools)]
    yield "| Stack | Broken | In | Found by | Not by |"
    yield "| --- | --- | --- | --- | --- |"
    for key in dict.fromkeys((stack, broken, by, no) for stack, _, broken, by, no in rows):
        stack, broken, by, no = key
        names = [name for one, name, *rest in rows if (one, *rest) == key]
        yield f"| {stack} | {broken} | {', '.join(names)} | {by} | {no} |"
    ours = [row for row in rows if TOOLS["ours"] in row[3].split(", ")]
    seen = [sum(TOOLS[tool] in row[3].split(", ") for row in ours) for tool in TOOLS]
    told = ", ".join(f"{name} {count}" for name, count in zip(TOOLS.values(), seen, strict=True))
    yield f"\nOf the {len(ours)} findings of ours, each in a pattern on a stack: {told}."
    yield f"Found by a rival, and not by ours: {len(rows) - len(ours)}."


def compared(stack: str, tools: Mapping[str, Swept]) -> Iterator[tuple[str, ...]]:
    """Each pattern and what was broken in it, and which tools found that."""
    for pattern in PATTERNS:
        seen = {tool: set(broken_in(tools[tool].get(pattern))) for tool in TOOLS}
        ran = [tool for tool in TOOLS if "points" in tools[tool].get(pattern, {})]
        by_one = set().union(*seen.values())
        for broken in sorted(by_one):
            if broken.removeprefix(TWICE) != broken and broken.removeprefix(TWICE) in by_one:
                continue  # the same is broken by one cancel
            found = [TOOLS[tool] for tool in ran if broken in seen[tool]]
            missed = [TOOLS[tool] for tool in ran if broken not in seen[tool]]
            yield stack, pattern, broken, ", ".join(found), ", ".join(missed)


def main() -> int:
    """Sweep every stack with every tool, and write the document."""
    found: dict[Stack, dict[str, Swept]] = {}
    with private_server() as private:
        made = db.with_driver(db.socket_url(private.login), "asyncpg")
        database = db.Database(made, "url", "a private server")
        url = made.render_as_string(hide_password=False)
        for stack in stacks():
            found[stack] = {tool: sweep(stack, tool, url) for tool in TOOLS}
        server = asyncio.run(server_version(database))
    head, _, rest = DOCUMENT.read_text("utf-8").partition(BEGIN)
    tail = rest.partition(END)[2]
    DOCUMENT.write_text(f"{head}{BEGIN}{document(found, server)}{END}{tail}", "utf-8")
    return 0


async def server_version(database: db.Database) -> str:
    """Such as 18.4."""
    async with db.connect(database, "rivals") as connection:
        shown = await connection.exec_driver_sql("SHOW server_version")
        return str(shown.scalar_one()).split()[0]


if __name__ == "__main__":
    raise SystemExit(exit_code(main))
