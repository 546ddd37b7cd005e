"""Since SQLAlchemy 2.1, a postgresql:// URL without a driver selects psycopg.

Before SQLAlchemy 2.1, a URL without a driver selected psycopg2, which create_async_engine()
refused. Since SQLAlchemy 2.1, a URL without a driver selects psycopg, whose types, errors and
caches differ from asyncpg's.

Docs: https://docs.sqlalchemy.org/en/21/changelog/migration_21.html
"""

from sqlalchemy import URL, make_url

from orm_async_tests.harness import Observation, main_of, right, wrong

SINCE = "2.1"


def without_driver_name(url: URL) -> str:
    return url.set(drivername="postgresql").render_as_string(hide_password=False)


@wrong
async def without_a_driver(url: URL) -> str:
    """show the driver that the URL postgresql:// selects"""
    return make_url(without_driver_name(url)).get_dialect().driver


@right
async def with_a_driver(url: URL) -> str:
    """show the driver that the URL postgresql+asyncpg:// selects"""
    return (
        make_url(without_driver_name(url)).set(drivername="postgresql+asyncpg").get_dialect().driver
    )


def check(without_a_driver: Observation, with_a_driver: Observation) -> None:
    assert without_a_driver.value == "psycopg"
    assert with_a_driver.value == "asyncpg"


main = main_of(__name__)
