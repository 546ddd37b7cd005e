"""Stores the fault points that failed, so that the next sweep tests them first."""

import hashlib
import os
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from orm_async_tests.errors import CouldNotRun
from orm_async_tests.faults.fault_points import Point, parse_point


@dataclass(frozen=True)
class FailedPoints:
    """A file with the fault points at which a sweep failed."""

    path: Path

    def select(self, kinds: Iterable[str]) -> list[Point]:
        return [point for point in self._read() if point.fault.kind in kinds]

    def replace(self, kinds: Iterable[str], points: Iterable[Point]) -> None:
        others = [point for point in self._read() if point.fault.kind not in kinds]
        self._write([*others, *dict.fromkeys(points)])

    def forget(self, point: Point) -> None:
        self._write([other for other in self._read() if other != point])

    def _read(self) -> list[Point]:
        if not self.path.exists():
            return []
        points = []
        for token in self.path.read_text("utf-8").splitlines():
            with suppress(CouldNotRun):  # another release wrote it, with other names of faults
                points.append(parse_point(token))
        return points

    def _write(self, points: Sequence[Point]) -> None:
        if not points:
            self.path.unlink(missing_ok=True)
            return
        self.path.parent.mkdir(parents=True, exist_ok=True)
        # Another command may read the file at the same time, so replace it atomically.
        part = self.path.with_name(f"{self.path.name}.part-{os.getpid()}")
        part.write_text("".join(f"{point.token}\n" for point in points), "utf-8")
        part.replace(self.path)


def find_failed_points(
    folder: Path, function: str, rows: str | None, driver: str, loop: str
) -> FailedPoints:
    """Return the file with the fault points at which a function failed."""
    # Users' functions in two directories may have the same name.
    directory = str(Path.cwd()) if ":" in function else ""
    # A sweep without the query `rows` must not overwrite the points of a sweep with it.
    key = "\n".join((function, rows or "", driver, loop, directory))
    return FailedPoints(folder / "faults" / hashlib.sha256(key.encode()).hexdigest()[:16])
