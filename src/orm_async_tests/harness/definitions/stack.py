"""Describes the stack of a run: its versions, driver and server."""

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
        """The versions of Python, SQLAlchemy and the driver."""
        drivers = {self.driver: self.driver_version}
        return {"python": self.python, "sqlalchemy": self.sqlalchemy, **drivers}


def this_stack(database: db.Database, settings: Mapping[str, str], loop: str) -> Stack:
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
    """Return the versions of the installed packages."""
    folders = [path for folder in map(Path, sys.path) for path in folder.glob("*.dist-info")]
    names = (path.stem.partition("-") for path in reversed(folders))  # the first folder wins
    return dict(sorted((name.lower().replace("_", "-"), version) for name, _, version in names))
