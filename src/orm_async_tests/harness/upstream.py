"""Known defects of the libraries that are shown: data, so that their repair is noticed."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import TracebackType


class DefectSeen(Exception):
    """An assertion inside a `with DEFECT:` block failed, as a known defect makes it."""

    def __init__(self, defect: "Upstream") -> None:
        super().__init__(defect.link)
        self.defect = defect


@dataclass(frozen=True)
class Upstream:
    """A defect of a library, the PEP 440 specifier of its versions, and where to read of it.

    A script's `check` asserts what ought to hold in a last `with DEFECT:` block. If that fails on a
    stack in the range the verdict is UPSTREAM; if it holds there, or fails elsewhere, it is BROKEN.
    """

    library: str
    versions: str
    link: str
    drivers: tuple[str, ...] = ("asyncpg", "psycopg")

    def applies(self, versions: Mapping[str, str], driver: str) -> bool:
        """Whether a stack of these library versions and this driver has the defect."""
        from packaging.specifiers import SpecifierSet

        return driver in self.drivers and versions[self.library] in SpecifierSet(self.versions)

    def __enter__(self) -> None:
        pass

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if isinstance(error, AssertionError):
            raise DefectSeen(self) from error
