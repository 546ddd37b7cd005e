"""Do tortoise/orm-benchmarks' workloads on equal terms, and write docs/orm_benchmarks.md's figures.

python tools/orm_benchmarks.py             measure, about four minutes, and write
python tools/orm_benchmarks.py --render    write what follows from docs/orm_benchmarks.json
python tools/orm_benchmarks.py --check     say if something else is written, and exit with 1
"""

import argparse
import asyncio
import json
import sys
from pathlib import Path

from orm_async_tests import db
from orm_async_tests.bench.journal import Wish, measured
from orm_async_tests.bench.journal_written import FIRST, LAST, markdown
from orm_async_tests.bench.rounds import How
from orm_async_tests.bench.written import in_page
from orm_async_tests.errors import exit_code
from orm_async_tests.postgres.paths import home

DOCS = Path(__file__).parent.parent / "docs"
RESULT, PAGE = DOCS / "orm_benchmarks.json", DOCS / "orm_benchmarks.md"


def main() -> int:
    """Measure, and write; or only write, or check."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--render", action="store_true")
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--rows", type=int, default=1000, help="of a turn")
    parser.add_argument("--few", type=int, default=100, help="rows of the published figures")
    parser.add_argument("--rounds", type=int, default=7)
    given = parser.parse_args()
    return exit_code(lambda: write(given))


def write(given: argparse.Namespace) -> int:
    """The page, from what is measured or was recorded; with --check nothing is written."""
    if not (given.render or given.check):
        wish = Wish(home(), given.rows, given.few, How(given.rounds, seconds=20))
        with db.open_database(driver="asyncpg") as database:
            document = asyncio.run(measured(database, wish))
        text = json.dumps(document, separators=(",", ":"))
        RESULT.write_text(text.replace('{"contender"', '\n{"contender"') + "\n", "utf-8")
    page = PAGE.read_text("utf-8")
    wanted = in_page(page, markdown(json.loads(RESULT.read_text("utf-8"))), FIRST, LAST)
    if given.check and page != wanted:
        print(f"stale: {PAGE}\n  type: python tools/orm_benchmarks.py --render", file=sys.stderr)
        return 1
    PAGE.write_text(wanted, "utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
