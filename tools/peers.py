"""Compare with other ORMs, and write docs/bench.md's figures, their charts, and docs/peers.json.

python tools/peers.py             measure, about a quarter of an hour, and write
python tools/peers.py --render    write what follows from docs/peers.json
python tools/peers.py --check     name what does not follow from it, and exit with 1
Other arguments are those of orm-async-tests bench, such as --read 20000.
"""

import argparse
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from orm_async_tests.bench.drawn import charts
from orm_async_tests.bench.written import in_page, markdown

ROOT = Path(__file__).parent.parent

RESULT, PAGE = ROOT / "docs/peers.json", ROOT / "docs/bench.md"
CHARTS = ROOT / "docs/peers"
BENCH = ("-m", "orm_async_tests", "bench", "--peers", "--scaling", "--json")
HOW = ("--rounds", "11", "--seconds", "35")  # with five rounds of each at least


def main() -> int:
    """Measure, and write; or only write, or check."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--render", action="store_true")
    parser.add_argument("--check", action="store_true")
    arguments, others = parser.parse_known_args()
    if not (arguments.render or arguments.check):
        done = subprocess.run([sys.executable, *BENCH, *HOW, *others], stdout=subprocess.PIPE)
        if done.returncode:
            return done.returncode
        RESULT.write_text(shortened(json.loads(done.stdout)), "utf-8")
    wanted = dict(texts(json.loads(RESULT.read_text("utf-8"))))
    stale = [
        path
        for path, text in wanted.items()
        if not path.exists() or path.read_text("utf-8") != text
    ]
    if arguments.check and stale:
        names = ", ".join(str(path.relative_to(ROOT)) for path in stale)
        print(f"stale: {names}\n  type: python tools/peers.py --render", file=sys.stderr)
        return 1
    CHARTS.mkdir(exist_ok=True)
    for path in stale:
        path.write_text(wanted[path], "utf-8")
    return 0


def shortened(document: dict[str, Any]) -> str:
    """The result without the code, which lies beside it; a line for each pattern."""
    parts = {name: each for name, each in document.items() if name != "code"}
    text = json.dumps(parts, separators=(",", ":"))
    return text.replace('{"contender"', '\n{"contender"') + "\n"


def texts(document: dict[str, Any]) -> Iterator[tuple[Path, str]]:
    """What each file should hold."""
    yield PAGE, in_page(PAGE.read_text("utf-8"), markdown(document, CHARTS.name))
    for name, svg in charts(document):
        yield CHARTS / f"{name}.svg", svg


if __name__ == "__main__":
    raise SystemExit(main())
