"""What each rung of the bulk ladder (test46) costs, in multiples of COPY in the same run.

The rungs take turns in each round, so that noise of the machine meets all of them; printed are the
medians. python bench/bulk.py --rows 50000 --rounds 5
"""

import argparse
import statistics

from orm_async_tests import db
from orm_async_tests.harness.run.runner import run_script
from orm_async_tests.harness.script import Script
from orm_async_tests.scripts.writing import test046_bulk_ladder as ladder

COPY = "copy"


def main() -> int:
    """Print a line for each rung, the cheapest last."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=50_000)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    with db.open_database(driver="asyncpg") as database:
        print(f"{database.label}: {arguments.rows} rows, {arguments.rounds} rounds")
        script, options = Script.of(ladder), {"rows": arguments.rows}
        rounds = [run_script(script, database, options).seen for _ in range(arguments.rounds)]
    medians = {name: statistics.median(each[name].seconds for each in rounds) for name in rounds[0]}
    for name, seconds in sorted(medians.items(), key=lambda item: -item[1]):
        print(f"{seconds / medians[COPY]:6.1f} x COPY  {name}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
