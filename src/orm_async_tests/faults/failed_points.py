"""Remember the points that failed, so that the next sweep runs them first."""

import hashlib
import os
import tempfile
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from orm_async_tests.errors import CouldNotRun
from orm_async_tests.faults.fault_points import Point, parse_point


@dataclass(frozen=True)
class FailedPoints:
    """A file with a token on each line; it is absent if nothing failed."""

    path: Path

    def select(self, kinds: Sequence[str]) -> list[Point]:
        """Return the failed points of these kinds of faults."""
        return [point for point in self._read() if point.fault.kind in kinds]

    def replace(self, kinds: Sequence[str], points: Iterable[Point]) -> None:
        """Store these points in place of all failed points of these kinds."""
        others = [point for point in self._read() if point.fault.kind not in kinds]
        self._write([*others, *dict.fromkeys(points)])

    def forget(self, point: Point) -> None:
        """Remove a point."""
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
        """Replace the file atomically, because another command may be reading it."""
        if not points:
            self.path.unlink(missing_ok=True)
            return
        self.path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, part = tempfile.mkstemp(dir=self.path.parent, prefix=f"{self.path.name}.part-")
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.writelines(f"{point.token}\n" for point in points)
        Path(part).replace(self.path)


def find_failed_points(folder: Path, work: str, driver: str, loop: str) -> FailedPoints:
    """Return the failed points of one piece of work, for a user's function by working directory."""
    directory = str(Path.cwd()) if ":" in work else ""
    key = "\n".join((work, driver, loop, directory))
    return FailedPoints(folder / "faults" / hashlib.sha256(key.encode()).hexdigest()[:16])
