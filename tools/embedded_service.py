"""A pytest plugin for suites that ask pytest-databases for PostgreSQL: ours, instead of Docker's.

It runs in the suite's own environment. The address comes by libpq's variables: it is a socket.
"""

import os
from types import SimpleNamespace

import pytest


class Services:
    """Fixtures, registered late: the last plugin's one counts."""

    @staticmethod
    @pytest.fixture(scope="session")
    def postgres_service() -> SimpleNamespace:
        """What pytest_databases.docker.postgres.PostgresService holds."""
        user, password = os.environ["PGUSER"], os.environ["PGPASSWORD"]
        database = os.environ["PGDATABASE"]
        address = {"host": "", "port": 5432, "container": ""}
        return SimpleNamespace(**address, user=user, password=password, database=database)


def pytest_collection(session: pytest.Session) -> None:
    session.config.pluginmanager.register(Services())
