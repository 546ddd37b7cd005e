"""What a script runs on."""

import importlib
import platform
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import sqlalchemy

from orm_async_tests import db
from orm_async_tests.harness.environment.pooling import described


@dataclass(frozen=True)
class Stack:
    """One cell of the matrix: versions, database with its server's settings, loop."""

    python: str
    sqlalchemy: str
    driver: str
    driver_version: str
    postgresql: str
    database: str
    platform: str
    loop: str
    pooler: str
    settings: Mapping[str, str]

    @property
    def libraries(self) -> dict[str, str]:
        """Versions by the names that Upstream uses."""
        drivers = {self.driver: self.driver_version}
        return {"python": self.python, "sqlalchemy": self.sqlalchemy, **drivers}


def this_stack(database: db.Database, settings: Mapping[str, str], loop: str) -> Stack:
    """What this process runs on."""
    return Stack(
        python=platform.python_version(),
        sqlalchemy=sqlalchemy.__version__,
        driver=database.driver,
        driver_version=importlib.import_module(database.driver).__version__,
        postgresql=(settings.get("server_version", "").split() or [""])[0],
        database=database.kind,
        platform=f"{platform.system()} {platform.machine()}",
        loop=loop,
        pooler=described(database.pooler),
        settings=settings,
    )


@cache
def packages() -> dict[str, str]:
    """Every package that can be imported here, and its version.

    Read from the names of their folders, since importlib.metadata opens a file for each.
    """
    found: dict[str, str] = {}
    for folder in map(Path, sys.path):
        for each in folder.glob("*.dist-info"):
            name, _, version = each.stem.partition("-")
            found.setdefault(name.lower().replace("_", "-"), version)  # the first is imported
    return dict(sorted(found.items()))
