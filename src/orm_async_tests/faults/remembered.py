"""The points that failed last time, kept by pattern, driver and loop: they are run first."""

import hashlib
import os
import tempfile
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from orm_async_tests.errors import CouldNotRun
from orm_async_tests.faults.outcome import Outcome, Point, parse


@dataclass(frozen=True)
class Remembered:
    """A file of tokens, one a line; there is none where nothing failed."""

    path: Path

    def points(self, kinds: Sequence[str]) -> list[Point]:
        """Those of these kinds of faults."""
        return [point for point in self._all() if point.fault.kind in kinds]

    def replace(self, kinds: Sequence[str], failed: Iterable[Point]) -> None:
        """Keep these points of these kinds of faults, and no others of them."""
        others = [point for point in self._all() if point.fault.kind not in kinds]
        self._write([*others, *dict.fromkeys(failed)])

    def forget(self, point: Point) -> None:
        """Keep a point no longer."""
        self._write([each for each in self._all() if each != point])

    def _all(self) -> list[Point]:
        if not self.path.exists():
            return []
        found = []
        for token in self.path.read_text("utf-8").splitlines():
            with suppress(CouldNotRun):  # another release wrote it, and its faults had other names
                found.append(parse(token))
        return found

    def _write(self, points: Sequence[Point]) -> None:
        """Whole or not at all: another command may read it now."""
        if not points:
            self.path.unlink(missing_ok=True)
            return
        self.path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, part = tempfile.mkstemp(dir=self.path.parent, prefix=f"{self.path.name}.part-")
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.writelines(f"{each.token}\n" for each in points)
        Path(part).replace(self.path)


def remembered(home: Path, pattern: str, driver: str, loop: str) -> Remembered:
    """Those of a pattern; one's own, module:function, is another one in another folder."""
    own = str(Path.cwd()) if ":" in pattern else ""
    key = "\n".join((pattern, driver, loop, own))
    return Remembered(home / "faults" / hashlib.sha256(key.encode()).hexdigest()[:16])


def failed(outcomes: Iterable[Outcome]) -> list[Point]:
    """The points at which an invariant was broken, if not by a known defect."""
    return [each.point for each in outcomes if each.violations and each.known is None]
