"""Describes the versions and the servers with which a script runs."""

import importlib
import platform
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import sqlalchemy

from orm_async_tests import db
from orm_async_tests.harness.environment.servers import describe_pooler


@dataclass(frozen=True)
class Stack:
    """The versions and the servers with which a script runs."""

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
        """The library versions, with the same names as in `Upstream.versions`."""
        drivers = {self.driver: self.driver_version}
        return {"python": self.python, "sqlalchemy": self.sqlalchemy, **drivers}


def this_stack(database: db.Database, settings: Mapping[str, str], loop: str) -> Stack:
    """Return the versions and the servers that this process uses."""
    return Stack(
        python=platform.python_version(),
        sqlalchemy=sqlalchemy.__version__,
        driver=database.driver,
        driver_version=importlib.import_module(database.driver).__version__,
        postgresql=(settings.get("server_version", "").split() or [""])[0],
        database=database.kind,
        platform=f"{platform.system()} {platform.machine()}",
        loop=loop,
        pooler=describe_pooler(database.pooler),
        settings=settings,
    )


@cache
def packages() -> dict[str, str]:
    """Return the version of every package that this process can import.

    Read the versions from the names of installed directories, because `importlib.metadata` opens
    many files.
    """
    versions: dict[str, str] = {}
    for folder in map(Path, sys.path):
        for metadata in folder.glob("*.dist-info"):
            name, _, version = metadata.stem.partition("-")
            # The first one on sys.path is the one that is imported.
            versions.setdefault(name.lower().replace("_", "-"), version)
    return dict(sorted(versions.items()))
