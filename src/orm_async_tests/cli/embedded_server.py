"""The subcommands `orm-async-tests db start`, `stop`, `reset` and `log`."""

import argparse
import re
from pathlib import Path

from orm_async_tests import postgres
from orm_async_tests.errors import CouldNotRun
from orm_async_tests.stack_options import choose_database

LOG_LINES = 40
DURATION = re.compile(r"(?:(\d{1,9})d)?(?:(\d{1,9})h)?(?:(\d{1,9})m)?(?:(\d{1,9})s)?", re.ASCII)
UNITS = (86_400, 3_600, 60, 1)  # seconds in a day, an hour, a minute and a second
MAX_SECONDS = 30 * 86_400  # seconds


def cluster_kind(arguments: argparse.Namespace) -> postgres.ClusterKind:
    word, source = choose_database(arguments.db)
    if arguments.service and word != "embedded":
        problem = f"--service has no effect, because {source} names another database"
        raise CouldNotRun(problem, "--service", "omit --service, or add --db embedded")
    return postgres.SERVICE if arguments.service else postgres.SCRIPTS


def start(arguments: argparse.Namespace) -> int:
    _require_embedded(arguments, "start")
    kind, time = cluster_kind(arguments), vars(arguments)["for"]
    with postgres.lease(kind, 0 if time is None else read_duration(time)) as lease:
        print(f"PostgreSQL {lease.version}: {lease.launch}; {postgres.describe_stop(kind)}")
    return 0


def read_duration(text: str) -> float:
    """Return the number of seconds in a text such as "2h", "1h30m" or "45s"."""
    match = DURATION.fullmatch(text)
    numbers = [int(number or 0) for number in match.groups()] if match else []
    seconds = sum(number * unit for number, unit in zip(numbers, UNITS, strict=bool(match)))
    if not 0 < seconds <= MAX_SECONDS:
        raise CouldNotRun(
            f"{text!r} is not a time between 1 second and 30 days",
            "--for",
            "write d, h, m or s after each number: orm-async-tests db start --for 1h30m",
        )
    return float(seconds)


def stop(arguments: argparse.Namespace) -> int:
    _require_embedded(arguments, "stop")
    print("stopped" if postgres.stop(cluster_kind(arguments)) else "the server was not running")
    return 0


def reset(arguments: argparse.Namespace) -> int:
    _require_embedded(arguments, "reset")
    postgres.stop(cluster_kind(arguments), reset=True)
    print("deleted")
    return 0


def log(arguments: argparse.Namespace) -> int:
    _require_embedded(arguments, "log")
    path = Path(postgres.status(cluster_kind(arguments))["log"])
    if not path.exists():
        problem = "there is no server log, because the server has never run"
        raise CouldNotRun(problem, str(path), "orm-async-tests db start")
    print("\n".join([*path.read_text(errors="replace").splitlines()[-LOG_LINES:], str(path)]))
    return 0


def _require_embedded(arguments: argparse.Namespace, action: str) -> None:
    word, source = choose_database(arguments.db)
    if word != "embedded":
        problem = (
            f"db {action} works only on the embedded server, but {source} names another database"
        )
        raise CouldNotRun(problem, source, f"run orm-async-tests db {action} --db embedded")
