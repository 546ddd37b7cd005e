"""What a script runs on."""

import importlib
import platform
from dataclasses import dataclass

import sqlalchemy

from orm_async_tests import db
from orm_async_tests.harness.pooled import described


@dataclass(frozen=True)
class Stack:
    """One cell of the matrix: versions, database, loop."""

    python: str
    sqlalchemy: str
    driver: str
    driver_version: str
    postgresql: str
    database: str
    platform: str
    loop: str
    pooler: str

    @property
    def libraries(self) -> dict[str, str]:
        """Versions by the names that Upstream uses."""
        drivers = {self.driver: self.driver_version}
        return {"python": self.python, "sqlalchemy": self.sqlalchemy, **drivers}


def this_stack(database: db.Database, postgresql: str, loop: str) -> Stack:
    """What this process runs on."""
    return Stack(
        python=platform.python_version(),
        sqlalchemy=sqlalchemy.__version__,
        driver=database.driver,
        driver_version=importlib.import_module(database.driver).__version__,
        postgresql=postgresql,
        database=database.kind,
        platform=f"{platform.system()} {platform.machine()}",
        loop=loop,
        pooler=described(database.pooler),
    )
