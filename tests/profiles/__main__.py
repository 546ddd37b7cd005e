"""Print the counts of this stack, and those that are recorded; --record keeps them, and a page."""

import argparse

from tests.profiles import counting, page


def main() -> None:
    """Count, on the embedded server."""
    parser = argparse.ArgumentParser(prog="nox -s profile --", description=__doc__)
    parser.add_argument(
        "--record",
        action="store_true",
        help="keep them in profiles.txt, and by part in docs/profile.md",
    )
    given = parser.parse_args()
    found, recorded = counting.counted(), counting.recorded()
    print(counting.stack())
    for name, counts in found.items():
        before = recorded.get(counting.stack(), name, fallback="none")
        print(f"{counts.total():8.1f}  {before:>8}  {name}")
    if given.record:
        counting.record(found)
        page.write(found)


if __name__ == "__main__":
    main()
